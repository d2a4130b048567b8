//! Moves the inputs of the fuzz targets between `corpora`, with a file for each target, and a folder with a file for each
//! input, as libFuzzer wants it.
//!
//!   corpus unpack FOLDER [TARGET...]   adds the committed inputs to FOLDER/TARGET
//!   corpus pack FOLDER [TARGET...]     makes FOLDER/TARGET the committed inputs

// By its path, so `oss-fuzz/build.sh` compiles this program without the dependencies of the package.
#[allow(dead_code, unreachable_pub)]
#[path = "../src/corpus.rs"]
mod corpus;

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, folder, targets @ ..] = &arguments[..] else {
        return Err("usage: corpus unpack|pack FOLDER [TARGET...]".into());
    };
    let targets = if targets.is_empty() { names(&corpus::file(""))? } else { targets.to_vec() };
    for target in targets {
        let folder = Path::new(folder).join(&target);
        match &command[..] {
            "unpack" => unpack(&target, &folder)?,
            "pack" => pack(&target, &folder)?,
            other => return Err(format!("unknown command {other}").into()),
        }
    }
    Ok(())
}

/// Returns the names of the files in a folder.
fn names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn unpack(target: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (number, input) in corpus::read(target).iter().enumerate() {
        fs::write(folder.join(format!("committed-{number:04}")), input)?;
    }
    Ok(())
}

fn pack(target: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let inputs =
        names(folder)?.iter().map(|name| fs::read(folder.join(name))).collect::<Result<Vec<_>, _>>()?;
    let (count, packed) = (inputs.len(), corpus::pack(inputs));
    println!("{target}: {count} inputs, {} bytes", packed.len());
    fs::write(corpus::file(target), packed)?;
    Ok(())
}
