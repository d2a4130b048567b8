//! The command that runs a client, within bounds of time and memory.

use super::Ended;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code of an adapter whose client does not support what was asked.
const UNSUPPORTED: i32 = 89;
/// The signal of a write to a closed connection. It is not a crash.
const SIGPIPE: i32 = 13;
/// How often it is asked whether the command has ended.
const TICK: Duration = Duration::from_millis(2);
/// How often the memory is measured. It costs a look at every process of the machine, and the system keeps the peak.
const MEASURE: Duration = Duration::from_millis(100);

/// A command, and its bounds.
#[derive(Clone, Debug)]
pub struct Adapter {
    pub command: Vec<String>,
    pub timeout: Duration,
    /// The bytes that one process may have in memory.
    pub memory: u64,
}

/// What replaces the names in braces.
#[derive(Debug)]
pub struct Values {
    pub host: &'static str,
    pub port: u16,
    pub user: &'static str,
    pub password: &'static str,
    pub out: PathBuf,
    /// The CA to trust, if the client must use STLS.
    pub ca: Option<PathBuf>,
    pub deletes: bool,
}

impl Values {
    /// Returns the arguments of a word. `{tls}` and `{delete}` are several arguments, or none.
    fn fill(&self, word: &str) -> Vec<String> {
        match (word, &self.ca) {
            ("{tls}", None) => return Vec::new(),
            ("{tls}", Some(ca)) => {
                return ["--tls", "stls", "--ca", &ca.to_string_lossy()].map(str::to_owned).to_vec();
            }
            ("{delete}", _) => return self.deletes.then(|| "--delete".to_owned()).into_iter().collect(),
            _ => {}
        }
        let filled = [
            ("{host}", self.host),
            ("{port}", &self.port.to_string()),
            ("{user}", self.user),
            ("{password}", self.password),
            ("{out}", &self.out.to_string_lossy()),
        ];
        vec![filled.iter().fold(word.to_owned(), |word, (name, value)| word.replace(name, value))]
    }
}

impl Adapter {
    /// Runs the command until it ends, and ends what it leaves. Returns how it ended, and the last lines of its output.
    ///
    /// # Errors
    /// Returns an error if the command cannot be started.
    pub fn run(&self, values: &Values, folder: &Path) -> io::Result<(Ended, Vec<String>)> {
        let words: Vec<String> = self.command.iter().flat_map(|word| values.fill(word)).collect();
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut output = File::create_new(folder.join("output"))?;
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary)?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .process_group(0)
            .spawn()?;
        let status = self.wait(&mut child);
        // What it has left, also if it ended by itself.
        end_group(child.id());
        let _ = child.kill();
        let _ = child.wait();
        let output = last_lines(&mut output)?;
        let ended = match status {
            Err(ended) => ended,
            Ok(status) => ended(status, &output),
        };
        Ok((ended, output))
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Ended> {
        let began = Instant::now();
        let mut measured = began;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Ok(status);
            }
            if began.elapsed() > self.timeout {
                return Err(Ended::Hung);
            }
            if measured.elapsed() > MEASURE {
                measured = Instant::now();
                if peak(child.id()) > self.memory {
                    return Err(Ended::Memory);
                }
            }
            thread::sleep(TICK);
        }
    }
}

fn ended(status: ExitStatus, output: &[String]) -> Ended {
    match (status.code(), status.signal()) {
        (Some(UNSUPPORTED), _) => {
            Ended::Unsupported(output.last().map_or("it gives no reason", String::as_str).to_owned())
        }
        (Some(code), _) => Ended::Code(code),
        (None, Some(SIGPIPE)) => Ended::Code(128 + SIGPIPE),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}

/// The lines of the output that people may need.
const LINES: usize = 10;

fn last_lines(output: &mut File) -> io::Result<Vec<String>> {
    let most = 16 << 10;
    let length = output.seek(SeekFrom::End(0))?;
    output.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    output.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // No character that a terminal obeys.
    let shown = |line: &&str| line.replace(char::is_control, " ");
    Ok(lines.iter().skip(lines.len().saturating_sub(LINES)).map(shown).collect())
}

/// Kills the process group of the command.
fn end_group(id: u32) {
    let _ = Command::new("sh")
        .args(["-c", "kill -s KILL -- \"-$1\"", "sh", &id.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Returns the greatest peak of memory of the processes of a group. Where there is no `/proc`, it is 0.
fn peak(group: u32) -> u64 {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let id: u32 = entry.file_name().to_str()?.parse().ok()?;
        (group_of(id)? == group).then_some(id)
    });
    ids.filter_map(peak_of).max().unwrap_or(0)
}

fn group_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in brackets, and may hold anything. State, parent and group follow.
    stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
}

fn peak_of(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// A folder that is removed at the end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a new folder in that for temporary files.
    ///
    /// # Errors
    /// Returns the error of the file system.
    pub fn new() -> io::Result<Scratch> {
        for number in 0..1000 {
            let path = std::env::temp_dir().join(format!("pop3-conform-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|()| Scratch(path)),
            }
        }
        Err(io::Error::other("no name for a temporary folder is free"))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, seconds: u64, memory: u64) -> Ended {
        let scratch = Scratch::new().unwrap();
        let command =
            ["sh", "-c", script, "sh", "{host}", "{port}", "{tls}", "{delete}"].map(str::to_owned).to_vec();
        let adapter = Adapter { command, timeout: Duration::from_secs(seconds), memory };
        let values = Values {
            host: "localhost",
            port: 1,
            user: "u",
            password: "p",
            out: scratch.path().join("out"),
            ca: Some("ca.pem".into()),
            deletes: true,
        };
        adapter.run(&values, scratch.path()).unwrap().0
    }

    #[test]
    fn the_end_of_a_command_is_recognized() {
        let most = 1 << 30;
        let arguments = "test \"$*\" = 'localhost 1 --tls stls --ca ca.pem --delete'";
        assert_eq!(run(arguments, 20, most), Ended::Code(0));
        assert_eq!(run("exit 77", 20, most), Ended::Code(77));
        assert_eq!(run("echo no STLS; exit 89", 20, most), Ended::Unsupported("no STLS".to_owned()));
        assert_eq!(run("kill -SEGV $$", 20, most), Ended::Signal(11));
        assert_eq!(run("kill -PIPE $$", 20, most), Ended::Code(141));
        assert_eq!(run("sleep 100 & sleep 100", 1, most), Ended::Hung);
        assert_eq!(run("sleep 100", 20, 1 << 10), Ended::Memory);
    }

    #[test]
    fn a_command_leaves_no_process() {
        let scratch = Scratch::new().unwrap();
        let file = scratch.path().join("id");
        assert_eq!(run(&format!("sleep 100 & echo $! > {}", file.display()), 20, 1 << 30), Ended::Code(0));
        let id: u32 = fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let began = Instant::now();
        let is_gone = || {
            group_of(id).is_none()
                || fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z"))
        };
        while !is_gone() {
            assert!(began.elapsed() < Duration::from_secs(20), "{id} still runs");
            thread::sleep(TICK);
        }
    }
}
