//! What is to happen at which system call of a server: the plan for its tracer.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// The first argument of this program when it is to be a tracer.
pub const TRACER: &str = "--be-the-tracer";
/// Files of the control folder: calls are counted; what was done; which process it is.
pub const ARMED: &str = "armed";
pub const HITS: &str = "hits";
pub const PID: &str = "pid";
/// How a tracer ends whose server was killed.
pub const DIED: u8 = 137;

/// Kinds of calls on files of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Open,
    /// An open that makes the file if it is not there.
    Create,
    Read,
    /// Of the names in the directory.
    List,
    Write,
    /// `fdatasync`: of what a file holds.
    DataSync,
    /// `fsync`: of a new file, or of the names in the directory.
    Sync,
    Resize,
    Lock,
    Map,
    Rename,
    Unlink,
    Mkdir,
}

use Kind::*;

/// Those at which a death may leave something else behind than at the one before.
pub const CHANGES: &[Kind] = &[
    Create, Write, DataSync, Sync, Resize, Lock, Map, Rename, Unlink, Mkdir,
];
/// Those that a disk may fail.
pub const ALL: &[Kind] = &[
    Open, Create, Read, List, Write, DataSync, Sync, Resize, Lock, Map, Rename, Unlink, Mkdir,
];
/// Those that need room.
pub const FILLING: &[Kind] = &[Create, Write, DataSync, Sync, Resize, Rename, Mkdir];
/// Those that a signal may interrupt.
pub const INTERRUPTIBLE: &[Kind] = &[Open, Create, Read, Write, Resize, DataSync, Sync];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Open => "open",
            Create => "create",
            Read => "read",
            List => "list",
            Write => "write",
            DataSync => "fdatasync",
            Sync => "fsync",
            Resize => "resize",
            Lock => "lock",
            Map => "map",
            Rename => "rename",
            Unlink => "unlink",
            Mkdir => "mkdir",
        }
    }

    fn of(name: &str) -> Option<Kind> {
        ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Errno {
    Interrupted = 4,
    Io = 5,
    NoSpace = 28,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The server dies before the call is made.
    Die,
    Fail(Errno),
    /// Half of it is written, which is said.
    Short,
    /// The call is made so many milliseconds later.
    Hold(u64),
}

impl What {
    fn to_word(self) -> String {
        match self {
            What::Die => "die".to_owned(),
            What::Short => "short".to_owned(),
            What::Hold(millis) => format!("hold-{millis}"),
            What::Fail(Errno::Interrupted) => "EINTR".to_owned(),
            What::Fail(Errno::Io) => "EIO".to_owned(),
            What::Fail(Errno::NoSpace) => "ENOSPC".to_owned(),
        }
    }

    fn of(word: &str) -> Option<What> {
        Some(match word {
            "die" => What::Die,
            "short" => What::Short,
            "EINTR" => What::Fail(Errno::Interrupted),
            "EIO" => What::Fail(Errno::Io),
            "ENOSPC" => What::Fail(Errno::NoSpace),
            word => What::Hold(word.strip_prefix("hold-")?.parse().ok()?),
        })
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_word())
    }
}

/// See the module.
#[derive(Clone)]
pub struct Plan {
    /// The folder in which tracer and test talk.
    pub control: PathBuf,
    /// The data directory.
    pub dir: PathBuf,
    pub kinds: Vec<Kind>,
    pub what: What,
    /// At which of the calls counted; 0: at none.
    pub at: usize,
    /// And at all that follow.
    pub stays: bool,
    /// Of writes to a file in a row, count the first two and each eighth only: a new segment is
    /// made by many that are alike.
    pub brief: bool,
}

impl Plan {
    /// `control` is to be a folder of its own.
    pub fn new(control: &Path, dir: &Path, kinds: &[Kind], what: What, at: usize) -> Plan {
        let (control, dir) = (control.to_owned(), dir.to_owned());
        Plan {
            control,
            dir,
            kinds: kinds.to_vec(),
            what,
            at,
            stays: false,
            brief: false,
        }
    }

    /// What stands before a program.
    pub fn wrapper(&self) -> Vec<String> {
        let this = std::env::current_exe().expect("this program has a path");
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        vec![
            this.display().to_string(),
            TRACER.to_owned(),
            self.control.display().to_string(),
            self.dir.display().to_string(),
            kinds.join(","),
            self.what.to_word(),
            self.at.to_string(),
            self.stays.to_string(),
            self.brief.to_string(),
        ]
    }

    /// Count calls from now on.
    pub fn arm(&self) {
        std::fs::write(self.control.join(ARMED), "").expect("arm the tracer");
    }

    /// Leave calls alone from now on.
    pub fn disarm(&self) {
        std::fs::remove_file(self.control.join(ARMED)).expect("disarm the tracer");
    }

    /// The calls to which something was done.
    pub fn hits(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.control.join(HITS)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// This program as a tracer.
pub fn be_the_tracer(args: &[String]) -> ExitCode {
    let plan = (|| {
        let [control, dir, kinds, what, at, stays, brief] = args.first_chunk()?;
        let kinds: Option<Vec<Kind>> = kinds.split(',').map(Kind::of).collect();
        Some(Plan {
            control: control.into(),
            dir: dir.into(),
            kinds: kinds?,
            what: What::of(what)?,
            at: at.parse().ok()?,
            stays: stays.parse().ok()?,
            brief: brief.parse().ok()?,
        })
    })();
    let plan = plan.expect("a plan as Plan::wrapper writes it");
    run(plan, &args[7..])
}

#[cfg(target_arch = "x86_64")]
use crate::tracer::run;

#[cfg(not(target_arch = "x86_64"))]
fn run(_: Plan, _: &[String]) -> ExitCode {
    eprintln!("system calls are traced on x86-64 only");
    ExitCode::FAILURE
}

/// Try what the tests do: why it is not possible here, if it is not.
pub fn what_is_lacking() -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = Plan::new(folder.path(), folder.path(), ALL, What::Fail(Errno::Io), 1);
    plan.arm();
    let wrapper = plan.wrapper();
    let mut command = Command::new(&wrapper[0]);
    command.args(&wrapper[1..]).arg("ls").arg(folder.path());
    let run = command.stdin(Stdio::null()).output();
    match run {
        Err(error) => Some(error.to_string()),
        Ok(run) if !run.status.success() && !plan.hits().is_empty() => None,
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            let said = said
                .lines()
                .find(|line| !line.is_empty())
                .unwrap_or_default();
            Some(format!("calls cannot be traced: {}: {said}", run.status))
        }
    }
}
