//! The proof of the client scenarios, as a test: they are proved, and their matrix is the pinned one.

use pop3_conform::cli::prove::differences;
use pop3_conform::client::{prove, scenarios};

#[test]
fn each_scenario_is_proved_and_the_matrix_is_pinned() {
    let proof = prove::prove(&scenarios::select(&[]));
    let mut faults = proof.faults;
    faults.extend(differences(include_str!("../clients.txt"), &proof.matrix));
    assert!(faults.is_empty(), "{}\nIf the matrix is right: pop3-conform prove --accept", faults.join("\n"));
}
