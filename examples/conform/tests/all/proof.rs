//! `prove`, as a test: the kit is proved, and the matrix is the pinned one.

use pop3_conform::cli::prove::differences;
use pop3_conform::{checks, prove};

#[test]
fn each_check_is_proved_and_the_matrix_is_pinned() {
    let proof = prove::prove(&checks::select(&[]));
    let mut faults = proof.faults;
    faults.extend(differences(include_str!("../../matrix.txt"), &proof.matrix));
    assert!(faults.is_empty(), "{}\nIf the matrix is right: pop3-conform prove --accept", faults.join("\n"));
}
