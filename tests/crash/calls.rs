//! Which system calls touch the files of a data directory, on x86-64.

use crate::trace::Kind as K;
pub use crate::trace::Kind;
use nix::libc::{self, user_regs_struct};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub struct Call {
    pub kind: Kind,
    /// The name in the directory, or `.`.
    pub file: String,
}

/// Where the call says which file it is about.
enum Place {
    /// The number of an open file.
    Open(u64),
    /// The address of a path.
    Path(u64),
}

/// The call that a thread is about to make, if it is about this directory.
pub fn of(pid: Pid, regs: &user_regs_struct, dir: &Path) -> Option<Call> {
    let (kind, place) = kind(regs)?;
    let path = match place {
        Place::Open(number) => std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?,
        Place::Path(address) => path_at(pid, address)?,
    };
    let rest = path.strip_prefix(dir).ok()?;
    let file = match rest.to_str()? {
        "" => ".",
        name => name,
    };
    let file = file.to_owned();
    Some(Call { kind, file })
}

fn kind(regs: &user_regs_struct) -> Option<(Kind, Place)> {
    let has = |flags: u64, flag: i32| flags & flag as u64 != 0;
    let opened = |flags| match flags {
        flags if has(flags, libc::O_CREAT) => K::Create,
        flags if has(flags, libc::O_DIRECTORY) => K::List,
        _ => K::Open,
    };
    let (first, second) = (regs.rdi, regs.rsi);
    Some(match regs.orig_rax as i64 {
        libc::SYS_openat => (opened(regs.rdx), Place::Path(second)),
        libc::SYS_open => (opened(second), Place::Path(first)),
        libc::SYS_read | libc::SYS_pread64 => (K::Read, Place::Open(first)),
        libc::SYS_getdents64 => (K::List, Place::Open(first)),
        libc::SYS_write | libc::SYS_pwrite64 => (K::Write, Place::Open(first)),
        libc::SYS_writev | libc::SYS_pwritev => (K::Write, Place::Open(first)),
        libc::SYS_copy_file_range => (K::Write, Place::Open(regs.rdx)),
        libc::SYS_fdatasync | libc::SYS_sync_file_range => (K::DataSync, Place::Open(first)),
        libc::SYS_fsync => (K::Sync, Place::Open(first)),
        libc::SYS_ftruncate | libc::SYS_fallocate => (K::Resize, Place::Open(first)),
        libc::SYS_flock => (K::Lock, Place::Open(first)),
        libc::SYS_mmap if regs.r8 as i32 >= 0 => (K::Map, Place::Open(regs.r8)),
        libc::SYS_rename | libc::SYS_link => (K::Rename, Place::Path(first)),
        libc::SYS_renameat | libc::SYS_renameat2 => (K::Rename, Place::Path(second)),
        libc::SYS_unlink | libc::SYS_rmdir => (K::Unlink, Place::Path(first)),
        libc::SYS_unlinkat => (K::Unlink, Place::Path(second)),
        libc::SYS_mkdir => (K::Mkdir, Place::Path(first)),
        libc::SYS_mkdirat => (K::Mkdir, Place::Path(second)),
        _ => return None,
    })
}

/// The path that lies there in the memory of a process.
fn path_at(pid: Pid, address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = vec![0; 4096];
    // Up to the end of the page, behind which there may be nothing.
    let len = 4096 - (address % 4096) as usize;
    let read = memory.read_at(&mut bytes[..len], address).ok()?;
    let mut path = bytes[..read].split(|byte| *byte == 0).next()?.to_vec();
    if path.len() == read {
        let read = memory.read_at(&mut bytes, address + len as u64).ok()?;
        path.extend(bytes[..read].split(|byte| *byte == 0).next()?);
    }
    Some(PathBuf::from(String::from_utf8(path).ok()?))
}
