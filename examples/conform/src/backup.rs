//! Saves every message of a mailbox, before a check may mark one.

use crate::engine::Stop;
use crate::lab::Lab;
use std::fs;
use std::path::Path;

/// Saves each listed message as a file of this directory, and returns their number. It sends no QUIT, because a server with EXPIRE 0 may
/// remove at QUIT what was read.
///
/// # Errors
/// Returns the reason if not every message was saved. A file that is there already is not changed.
pub fn save(lab: &mut Lab, directory: &Path) -> Result<usize, String> {
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let failed = |stop: Stop| format!("{stop:?}");
    let mut session = lab.login().map_err(failed)?;
    let list = session.ask("LIST").map_err(failed)?;
    if !list.is_ok() {
        return Err("LIST is refused".to_owned());
    }
    for row in &list.rows {
        let text = row.text();
        let number: u64 = text
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("{text:?} is not a row of LIST"))?;
        let retr = session.ask(&format!("RETR {number}")).map_err(failed)?;
        if !retr.is_ok() {
            return Err(format!("RETR {number} is refused"));
        }
        let path = directory.join(format!("{number:06}.eml"));
        let mut file = fs::File::create_new(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let saved = std::io::Write::write_all(&mut file, &retr.message()).and_then(|()| file.sync_all());
        saved.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(list.rows.len())
}
