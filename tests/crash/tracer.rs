//! The tracer: this program again, as the parent of one server whose system calls it watches, to
//! let it die at one of them or to make one fail.
//!
//! Calls on the data directory are counted over all threads in the order in which they begin, while
//! the file `armed` is in the control folder. What was done to which call is told in `hits` there,
//! before it is done. A tracer such as strace counts by thread, and so cannot reach each call.
//!
//! Invariant: the server never outlives its tracer, and the tracer ends as the server does.

use crate::calls::{self, Call, Kind};
use crate::trace::{ARMED, DIED, HITS, PID, Plan, What};
use nix::errno::Errno;
use nix::libc::user_regs_struct;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What `PTRACE_GET_SYSCALL_INFO` says of a stop.
const ENTRY: u8 = 1;
const EXIT: u8 = 2;

struct Tracer {
    plan: Plan,
    server: Pid,
    counted: usize,
    /// Writes in a row, by file.
    in_row: HashMap<String, usize>,
    /// Calls of a kind for files of rows since the last manifest, and whether on the folder.
    of_rows: HashMap<(&'static str, bool), usize>,
    /// Calls that are not made, and what they are to answer.
    denied: HashMap<Pid, i32>,
    /// Threads that go on later.
    held: Vec<(Pid, Instant)>,
}

/// Run a program by `plan`; exits as the program does, with [`DIED`] if it was killed.
pub fn run(plan: Plan, program: &[String]) -> ExitCode {
    // It waits until it is watched, and ends if nobody is left to watch it.
    let mut sh = Command::new("sh");
    sh.args(["-c", "read -r _ && exec \"$@\"", "sh"])
        .args(program)
        .stdin(Stdio::piped());
    let mut child = match sh.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("sh cannot be run: {error}");
            return ExitCode::FAILURE;
        }
    };
    let server = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let options = Options::PTRACE_O_EXITKILL
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC;
    if let Err(error) = ptrace::seize(server, options) {
        eprintln!("ptrace is not possible: {error}");
        return ExitCode::FAILURE;
    }
    std::fs::write(plan.control.join(PID), server.to_string()).expect("tell the process id");
    let mut go = child.stdin.take().expect("stdin is a pipe");
    go.write_all(b"go\n").expect("let it go");
    let (denied, held) = (HashMap::new(), Vec::new());
    Tracer {
        plan,
        server,
        counted: 0,
        in_row: HashMap::new(),
        of_rows: HashMap::new(),
        denied,
        held,
    }
    .watch()
}

impl Tracer {
    fn watch(&mut self) -> ExitCode {
        loop {
            let flags = match self.held.is_empty() {
                true => WaitPidFlag::__WALL,
                false => WaitPidFlag::__WALL | WaitPidFlag::WNOHANG,
            };
            let status = waitpid(None, Some(flags)).expect("the server is there");
            match status {
                WaitStatus::Exited(pid, code) if pid == self.server => {
                    return ExitCode::from(u8::try_from(code).expect("an exit code"));
                }
                WaitStatus::Signaled(pid, _, _) if pid == self.server => {
                    return ExitCode::from(DIED);
                }
                WaitStatus::PtraceSyscall(pid) => self.stopped(pid),
                WaitStatus::PtraceEvent(pid, _, _) => go_on(pid, None),
                WaitStatus::Stopped(pid, signal) => go_on(pid, Some(signal)),
                WaitStatus::StillAlive => {
                    std::thread::sleep(Duration::from_millis(1));
                    self.let_go();
                }
                _ => {}
            }
        }
    }

    /// Threads whose time has come.
    fn let_go(&mut self) {
        let (now, armed) = (Instant::now(), self.is_armed());
        self.held.retain(|(pid, until)| {
            let stays = armed && now < *until;
            if !stays {
                go_on(*pid, None);
            }
            stays
        });
    }

    fn is_armed(&self) -> bool {
        self.plan.control.join(ARMED).exists()
    }

    /// A thread is about to make a call, or has made it. What fails here fails as the thread is
    /// being killed.
    fn stopped(&mut self, pid: Pid) {
        let op = ptrace::syscall_info(pid).map_or(0, |info| info.op);
        if op == EXIT
            && let Some(errno) = self.denied.remove(&pid)
            && let Ok(mut regs) = ptrace::getregs(pid)
        {
            regs.rax = i64::from(-errno).cast_unsigned();
            let _ = ptrace::setregs(pid, regs);
        }
        if op == ENTRY
            && let Ok(regs) = ptrace::getregs(pid)
            && let Some(call) = calls::of(pid, &regs, &self.plan.dir)
            && self.is_meant(&call)
        {
            return self.tamper(pid, regs, &call);
        }
        go_on(pid, None);
    }

    /// Count a call; whether something is to be done to it.
    fn is_meant(&mut self, call: &Call) -> bool {
        if !self.plan.kinds.contains(&call.kind) || !self.is_armed() {
            return false;
        }
        if self.plan.brief && self.is_alike(call) {
            return false;
        }
        self.counted += 1;
        let (n, at) = (self.counted, self.plan.at);
        n == at || self.plan.stays && at > 0 && n > at
    }

    fn is_alike(&mut self, call: &Call) -> bool {
        if call.kind == Kind::Rename {
            self.of_rows.clear();
        }
        // A fold writes a file for each shard, and syncs its name.
        let is_folder = call.file == ".";
        if is_folder || call.file.starts_with("rows-") {
            let of_rows = self.of_rows.entry((call.kind.name(), is_folder));
            let of_rows = of_rows.or_default();
            *of_rows += 1;
            if *of_rows > 3 && !of_rows.is_power_of_two() {
                return true;
            }
        }
        let in_row = self.in_row.entry(call.file.clone()).or_default();
        *in_row = if call.kind == Kind::Write {
            *in_row + 1
        } else {
            0
        };
        *in_row > 2 && !in_row.is_multiple_of(8)
    }

    fn tamper(&mut self, pid: Pid, mut regs: user_regs_struct, call: &Call) {
        let hits = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.plan.control.join(HITS));
        writeln!(
            hits.expect("the hits"),
            "{} {}",
            call.kind.name(),
            call.file
        )
        .expect("tell it");
        match self.plan.what {
            What::Die => {
                let _ = kill(self.server, Signal::SIGKILL);
                return;
            }
            What::Hold(millis) => {
                self.held
                    .push((pid, Instant::now() + Duration::from_millis(millis)));
                return;
            }
            What::Short => {
                if call.kind == Kind::Write {
                    regs.rdx = regs.rdx.div_ceil(2);
                }
            }
            What::Fail(errno) => {
                regs.orig_rax = u64::MAX;
                self.denied.insert(pid, errno as i32);
            }
        }
        let _ = ptrace::setregs(pid, regs);
        go_on(pid, None);
    }
}

fn go_on(pid: Pid, signal: Option<Signal>) {
    match ptrace::syscall(pid, signal) {
        // It is being killed.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("{pid} cannot go on: {error}"),
    }
}
