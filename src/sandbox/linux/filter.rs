//! The system-call filter: kernel surface and sockets that no build needs.
//!
//! A list of what is refused, so that programs find the errors they know how to live with. It is one
//! layer of several; files are the mounts' and Landlock's business.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Operator, SeccompCondition as Condition,
    SeccompFilter, SeccompRule as Rule, TargetArch, sock_filter,
};

/// Which sockets can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Sockets {
    /// Unix, internet and routing ones: the network namespace is empty anyway.
    Namespaced,
    /// None; pairs of connected ones still.
    None,
}

/// Calls that are refused whatever their arguments.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
];

/// `open_tree_attr`, newer than the table of names.
const OPEN_TREE_ATTR: libc::c_long = 467;

/// `TIOCSTI` and `TIOCLINUX`, which type into a terminal or paste into it.
const TYPING: &[u64] = &[0x5412, 0x541c];

/// The programs to load, in this order.
pub(in crate::sandbox) fn programs(sockets: Sockets) -> Result<Vec<BpfProgram>, String> {
    let refused = table(sockets).map_err(|error| error.to_string())?;
    // The C library falls back to `clone`, whose flags can be looked at.
    let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok(vec![other_number_space(), program(unknown, libc::ENOSYS)?, program(refused, libc::EPERM)?])
}

fn program(table: BTreeMap<i64, Vec<Rule>>, error: i32) -> Result<BpfProgram, String> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    SeccompFilter::new(table, SeccompAction::Allow, SeccompAction::Errno(error.cast_unsigned()), architecture)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

fn table(sockets: Sockets) -> Result<BTreeMap<i64, Vec<Rule>>, seccompiler::BackendError> {
    let is = |argument, value| Condition::new(argument, Length::Dword, Operator::Eq, value);
    let not =
        |argument, value: i32| Condition::new(argument, Length::Dword, Operator::Ne, u64::from(value.cast_unsigned()));
    let mut table: BTreeMap<i64, Vec<Rule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let socket = match sockets {
        Sockets::None => Vec::new(),
        Sockets::Namespaced => vec![
            Rule::new(vec![
                not(0, libc::AF_UNIX)?,
                not(0, libc::AF_INET)?,
                not(0, libc::AF_INET6)?,
                not(0, libc::AF_NETLINK)?,
            ])?,
            Rule::new(vec![is(0, libc::AF_NETLINK.cast_unsigned().into())?, not(2, libc::NETLINK_ROUTE)?])?,
        ],
    };
    table.insert(libc::SYS_socket, socket);
    let typing: Result<Vec<Rule>, _> = TYPING.iter().map(|code| Rule::new(vec![is(1, *code)?])).collect();
    table.insert(libc::SYS_ioctl, typing?);
    let namespaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let cloning: Result<Vec<Rule>, _> = namespaces
        .iter()
        .map(|flag| {
            let bit = u64::from(flag.cast_unsigned());
            Rule::new(vec![Condition::new(0, Length::Qword, Operator::MaskedEq(bit), bit)?])
        })
        .collect();
    table.insert(libc::SYS_clone, cloning?);
    Ok(table)
}

/// Refuses the x32 numbers of x86-64, which name the same calls a second time.
fn other_number_space() -> BpfProgram {
    let load_number = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    let is_other = sock_filter { code: 0x35, jt: 0, jf: 1, k: 0x4000_0000 };
    let refuse = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | libc::ENOSYS.cast_unsigned() };
    let allow = sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };
    vec![load_number, is_other, refuse, allow]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_compile() {
        for sockets in [Sockets::Namespaced, Sockets::None] {
            assert_eq!(programs(sockets).unwrap().len(), 3);
        }
    }
}
