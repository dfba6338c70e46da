//! Disks of their own: an ext4 in a file, whose power can be cut, and a thin one, that runs out of
//! room below the file system.
//!
//! Invariants
//! - Mounts are made in a name space of the thread ([`privately`]): nobody else sees them, and they
//!   are gone with it, whatever becomes of this process. What is dropped is unmounted before.
//! - The power is cut by a helper that was started before and holds the file system open: from its
//!   answer on nothing more gets to the disk.

use crate::node::{self, lines_of};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const BLOCK_BYTES: u64 = 4096;
/// Bounds a hang.
const WAIT: Duration = Duration::from_secs(60);

/// `FS_IOC_SHUTDOWN`: the file system stops as it is, and fails all that follows.
const BREAKER: &str = "
import fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(folder, 0x8004587D, struct.pack('I', int(sys.argv[2])))
print('cut', flush=True)
";

/// What of its journal still gets to the disk before the power is gone.
#[derive(Clone, Copy, Debug)]
pub enum Journal {
    Flushed = 1,
    Dropped = 2,
}

/// A program of the system; what it said if it failed.
fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let out = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output();
    let out = out.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => Err(format!("{program}: {}: {}", out.status, said.trim())),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Call `body` in a thread whose mounts are its own.
pub fn privately<T: Send>(body: impl FnOnce() -> T + Send) -> Result<T, String> {
    let enter = || {
        unshare(CloneFlags::CLONE_NEWNS).map_err(|error| format!("unshare: {error}"))?;
        run("mount", &["--make-rprivate", "/"])
    };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| enter().map(|_| body()));
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Unmounted when it is dropped, however busy.
struct Mount(PathBuf);

impl Mount {
    /// Makes the folder as well.
    fn new(what: &Path, at: &Path, args: &[&str]) -> Result<Mount, String> {
        fs::create_dir_all(at).map_err(|error| error.to_string())?;
        run("mount", &[args, &[text(what), text(at)]].concat())?;
        Ok(Mount(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", text(&self.0)]);
    }
}

/// An ext4 in a file.
pub struct Volume {
    image: PathBuf,
    at: PathBuf,
    options: String,
    mount: Option<Mount>,
}

impl Volume {
    /// A new one, in a file of the folder.
    pub fn new(folder: &Path, mib: u64, options: &str) -> Result<Volume, String> {
        let image = folder.join("image");
        let file = File::create(&image).and_then(|file| file.set_len(mib * MIB));
        file.map_err(|error| error.to_string())?;
        let (block, journal) = (BLOCK_BYTES.to_string(), ["-J", "size=4"]);
        let quiet = ["-q", "-F", "-b", &block];
        run(
            "mkfs.ext4",
            &[&quiet[..], &journal, &[text(&image)]].concat(),
        )?;
        Volume::open(image, folder.join("mount"), options)
    }

    fn open(image: PathBuf, at: PathBuf, options: &str) -> Result<Volume, String> {
        let options = format!("loop,{options}");
        let mount = Some(Mount::new(&image, &at, &["-o", &options])?);
        Ok(Volume {
            image,
            at,
            options,
            mount,
        })
    }

    /// For the files of a server, which makes it.
    pub fn data(&self) -> PathBuf {
        self.at.join("data")
    }

    /// Nobody uses it any more, but for threads of a killed process that are still ending.
    fn unmount(&mut self) {
        let unmount = || run("umount", &[text(&self.at)]).is_ok();
        node::poll("the file system is unmounted", unmount);
        std::mem::forget(self.mount.take());
    }

    /// What a machine finds when its power is back.
    pub fn remount(&mut self) {
        self.unmount();
        let mount = Mount::new(&self.image, &self.at, &["-o", &self.options]);
        self.mount = Some(mount.expect("it can be mounted again"));
    }

    /// Unmount it; another with the same bytes in another folder.
    pub fn move_to(mut self, folder: &Path) -> Volume {
        self.unmount();
        let image = folder.join("image");
        let paths = [text(&self.image), text(&image)];
        run("cp", &[&["--sparse=always"], &paths[..]].concat()).expect("a copy of it");
        Volume::open(image, folder.join("mount"), "errors=continue").expect("it is mounted")
    }

    pub fn breaker(&self, journal: Journal) -> Result<Breaker, String> {
        let mut child = Command::new("python3")
            .args(["-c", BREAKER, text(&self.at), &(journal as u32).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("python3: {error}"))?;
        let lines = lines_of(child.stdout.take().expect("stdout is a pipe"));
        let breaker = Breaker { child, lines };
        breaker.await_line("ready")?;
        Ok(breaker)
    }
}

/// Cuts the power of a volume, once.
pub struct Breaker {
    child: Child,
    lines: Receiver<String>,
}

impl Breaker {
    fn await_line(&self, line: &str) -> Result<(), String> {
        match self.lines.recv_timeout(WAIT) {
            Ok(said) if said == line => Ok(()),
            other => Err(format!("the power cannot be cut: not {line} but {other:?}")),
        }
    }

    /// It is cut when this returns.
    pub fn cut(mut self) -> Result<(), String> {
        let mut stdin = self.child.stdin.take().expect("stdin is a pipe");
        let sent = stdin.write_all(b"\n");
        sent.map_err(|error| error.to_string())?;
        self.await_line("cut")
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A volume on a disk that says it has room, and has not. A write that finds none fails after the
/// fact, which only a sync can tell.
pub struct Thin {
    pub volume: Volume,
    /// Dropped, and so unmounted, after the volume.
    below: Mount,
}

impl Thin {
    /// It says it has 192 MiB.
    pub fn new(folder: &Path, mib: u64) -> Thin {
        let size = format!("size={mib}m,huge=never");
        let (none, at) = (Path::new("none"), folder.join("below"));
        let below = Mount::new(none, &at, &["-t", "tmpfs", "-o", &size]);
        let below = below.expect("a file system in memory is mounted");
        let volume = Volume::new(&at, 192, "errors=continue");
        let volume = volume.expect("a volume on it is mounted");
        Thin { volume, below }
    }

    /// Take what is below a file of zeros away. It reads the same; writing to it needs room.
    pub fn thin_out(&self, file: &Path) {
        let blocks = run("filefrag", &["-v", text(file)]).expect("where the file lies");
        // `   0:        0..    8191:      34816..     43007:   8192:             eof`
        let extents = blocks.lines().filter_map(|line| {
            let mut words = line.split([':', ' ', '.']).filter(|word| !word.is_empty());
            let mut word = || words.next()?.parse::<u64>().ok();
            let (_, _, _, first, last) = (word()?, word()?, word()?, word()?, word()?);
            Some((first * BLOCK_BYTES, (last + 1 - first) * BLOCK_BYTES))
        });
        let mut taken = 0;
        for (from, len) in extents {
            let (at, len_text) = (from.to_string(), len.to_string());
            let hole = ["--punch-hole", "--offset", &at, "--length", &len_text];
            run(
                "fallocate",
                &[&hole[..], &[text(&self.volume.image)]].concat(),
            )
            .expect("a hole");
            taken += len;
        }
        let len = fs::metadata(file).expect("the file").len();
        assert!(taken >= len, "{taken} of {len} bytes: {blocks}");
    }

    fn ballast(&self) -> PathBuf {
        self.below.0.join("ballast")
    }

    /// Somebody else takes all the room there is.
    pub fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file");
        let zeros = [0; BLOCK_BYTES as usize];
        let error = loop {
            if let Err(error) = file.write_all(&zeros) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }

    /// And gives it back.
    pub fn relieve(&self) {
        fs::remove_file(self.ballast()).expect("the ballast is removed");
    }

    /// The same bytes on a disk that has the room.
    pub fn rescue(self, folder: &Path) -> Volume {
        self.volume.move_to(folder)
    }
}

/// Try what the tests do: why it is not possible here, if it is not.
pub fn what_is_lacking() -> Option<String> {
    let attempt = || -> Result<(), String> {
        let folder = node::fast_folder();
        let mut volume = Volume::new(folder.path(), 32, "data=ordered")?;
        volume.breaker(Journal::Dropped)?.cut()?;
        let after = File::create(volume.data());
        if after.is_ok() {
            return Err("power cannot be cut: the file system goes on".to_owned());
        }
        volume.remount();
        run("filefrag", &["-V"])?;
        run("fallocate", &["-V"])?;
        Ok(())
    };
    let tried = privately(attempt).and_then(|tried| tried);
    tried.err().map(|error| format!("cannot mount: {error}"))
}
