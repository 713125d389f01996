//! What a worker gives up before it reads its first byte: files, sockets, processes, memory, time.
//!
//! | what | by | without it |
//! |---|---|---|
//! | memory, time, files, core dumps | resource limits | the worker does not start |
//! | new rights by executing | `no_new_privs` | the worker does not start |
//! | the file system, TCP, signals | Landlock, as far as the kernel has it | the worker says so |
//! | every system call but those of a calculation | seccomp | the worker does not start |
//!
//! Nothing here can be taken back: a process that calls [`enter`] stays inside.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde::{Deserialize, Serialize};

use crate::base::limits::{WORKER_MEMORY_BYTES, WORKER_TIME};

/// How far behind everything else a worker runs: it must never delay a scan.
const NICE: i32 = 10;
/// How much sooner than others the kernel kills a worker when memory runs out; 1000 is first.
const OOM_SCORE: &[u8] = b"800";
/// Descriptors: standard input, output and error, and not one more.
const DESCRIPTORS: u64 = 3;
/// Seconds of processor time beyond [`WORKER_TIME`] until the kernel ends what the box did not.
const CPU_GRACE_S: u64 = 60;
/// The newest rights that are asked for: kernels from 6.12 on have them all.
const LANDLOCK: ABI = ABI::V6;

/// System calls of a calculation that reads and writes what is open already.
const CALLS: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_ppoll,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What holds a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// How much of Landlock the kernel has.
    pub landlock: Landlock,
    /// Whether system calls are filtered.
    pub seccomp: Seccomp,
}

/// How much of Landlock is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landlock {
    /// Files, TCP and signals.
    Full,
    /// The part that an older kernel has.
    Partial,
    /// Nothing: the kernel does not have it.
    None,
}

/// Whether system calls are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// Only those of a calculation are allowed.
    Enforced,
    /// The kernel refused the filter: such a worker takes no work.
    Missing,
}

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A limit could not be set.
    #[error("the limits of the worker cannot be set")]
    Limits {
        /// What the system said.
        #[from]
        source: rustix::io::Errno,
    },
    /// Landlock is there and failed.
    #[error("the worker cannot give up the file system")]
    Landlock {
        /// Why.
        #[from]
        source: RulesetError,
    },
    /// The filter could not be made.
    #[error("the filter of system calls cannot be made")]
    Filter {
        /// Why.
        #[from]
        source: seccompiler::BackendError,
    },
}

/// Confines the calling process for ever; returns what holds it.
///
/// # Errors
/// [`SandboxError`]: the process is not confined as it must be, and must not go on.
pub fn enter() -> Result<Sandbox, SandboxError> {
    yield_to_others();
    limit()?;
    rustix::thread::set_no_new_privs(true)?;
    let landlock = give_up_files()?;
    // Behind Landlock, which needs a descriptor for a moment.
    set(Resource::Nofile, DESCRIPTORS, DESCRIPTORS)?;
    let filter = filter()?;
    let seccomp = match seccompiler::apply_filter_all_threads(&filter) {
        Ok(()) => Seccomp::Enforced,
        Err(_) => Seccomp::Missing,
    };
    Ok(Sandbox { landlock, seccomp })
}

/// Lets everything else go first. A process that may not do so works all the same.
fn yield_to_others() {
    let _nice = rustix::process::nice(NICE);
    let file = OpenOptions::new().write(true).open("/proc/self/oom_score_adj");
    let written = file.and_then(|mut file| file.write_all(OOM_SCORE));
    drop::<io::Result<()>>(written);
}

fn limit() -> Result<(), SandboxError> {
    // Pixels must not reach a core file, not even through a handler that ignores the limit.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let seconds = WORKER_TIME.as_secs().saturating_add(CPU_GRACE_S);
    set(Resource::Core, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    set(Resource::Nproc, 0, 0)?;
    set(Resource::As, WORKER_MEMORY_BYTES, WORKER_MEMORY_BYTES)?;
    set(Resource::Cpu, seconds, seconds.saturating_add(1))
}

fn set(resource: Resource, soft: u64, hard: u64) -> Result<(), SandboxError> {
    let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

/// Handles every right that the kernel knows and allows none: no rule is added.
fn give_up_files() -> Result<Landlock, SandboxError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::None,
    })
}

/// Allows [`CALLS`], memory that is no code, and signals to oneself; the rest gets EPERM.
fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let condition = |argument, length, operator, value| {
        SeccompRule::new(vec![SeccompCondition::new(argument, length, operator, value)?])
    };
    let exec = u64::from(libc::PROT_EXEC.unsigned_abs());
    let data =
        || condition(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(exec), 0).map(|r| vec![r]);
    let own = u64::from(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs());
    let own = condition(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_mmap, data()?);
    rules.insert(libc::SYS_mprotect, data()?);
    // abort() signals its own process.
    rules.insert(libc::SYS_tgkill, vec![own]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}
