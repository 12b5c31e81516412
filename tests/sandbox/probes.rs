//! The escapes that are tried: each a few lines of Python on top of `prelude.py`.

/// What the harness does around a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    Nothing,
    /// Afterwards a plain `git status` runs in this folder of the project, outside of the sandbox.
    GitStatusIn(&'static str),
    /// The project has no `.git` before; afterwards `git status` in it.
    WithoutRepository,
    /// The project's `.git` is a file that names a folder elsewhere; afterwards `git status`.
    LinkedRepository,
    /// The command's starter leaves descriptors 7 (canary, for appending) and 8 (folder outside) open.
    LeakedDescriptors,
    /// Afterwards no process that carries the probe's name may be alive.
    NobodyLeft,
    /// With these arguments of `kiln sandbox`.
    Limited(&'static [&'static str]),
}

pub struct Probe {
    pub name: &'static str,
    pub attack: &'static str,
    pub around: Around,
}

const fn plain(name: &'static str, attack: &'static str) -> Probe {
    Probe { name, attack, around: Around::Nothing }
}

const fn around(name: &'static str, around: Around, attack: &'static str) -> Probe {
    Probe { name, attack, around }
}

use Around::{GitStatusIn, LeakedDescriptors, Limited, LinkedRepository, NobodyLeft, WithoutRepository};

const GRANTED: Around = Limited(&["--allow-host", "127.0.0.1:1"]);

pub const PROBES: &[Probe] = &[
    // Writing outside of the project.
    plain("write: new file", "put(OUT + '/new')"),
    plain("write: overwrite", "put(CANARY)"),
    plain("write: append", "put(CANARY, 'x', 'a')"),
    plain("write: truncate", "os.truncate(CANARY, 0)"),
    plain("write: through a symbolic link", "os.symlink(CANARY, 'link'); put('link')"),
    plain("write: through a linked folder", "os.symlink(OUT, 'folder'); put('folder/new')"),
    plain("write: through a hard link", "os.link(CANARY, PROJ + '/hard'); put(PROJ + '/hard')"),
    plain("write: /proc/self/root", "put('/proc/self/root' + CANARY)"),
    plain("write: /proc/self/cwd/..", "put('/proc/self/cwd/../outside/new')"),
    plain("write: ..", "put('../outside/new')"),
    plain("write: new folder", "os.mkdir(OUT + '/folder')"),
    plain("write: delete", "os.unlink(CANARY)"),
    plain("write: rename outside", "os.rename(CANARY, OUT + '/other')"),
    plain("write: move out", "put('mine'); os.rename('mine', OUT + '/mine')"),
    plain("write: move in", "os.rename(CANARY, PROJ + '/stolen')"),
    plain("write: fifo", "os.mkfifo(OUT + '/fifo')"),
    plain("write: leave a link", "os.symlink('/etc', OUT + '/link')"),
    plain(
        "write: folder handle",
        "fd = os.open(OUT, os.O_RDONLY); put_fd = os.open('new', os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=fd); os.write(put_fd, b'x')",
    ),
    plain("write: reopen a read-only handle", "fd = os.open(CANARY, os.O_RDONLY); put('/proc/self/fd/%d' % fd)"),
    plain("write: fallocate", "fd = os.open(CANARY, os.O_RDWR); os.posix_fallocate(fd, 0, 4096)"),
    plain("write: shared mapping", "fd = os.open(CANARY, os.O_RDWR); m = mmap.mmap(fd, 6); m[0:1] = b'X'; m.flush()"),
    plain("write: root of another program", "put('/proc/%d/root%s' % (HOSTPID, CANARY))"),
    plain("write: folder of another program", "put('/proc/%d/cwd/new' % HOSTPID); hit()"),
    plain(
        "write: open file of another program",
        "put('/proc/%d/fd/%d' % (HOSTPID, V['held']), 'SECRETS', 'r+'); hit()",
    ),
    plain("write: home", "put(HOME + '/.profile'); hit()"),
    around("write: leaked file descriptor", LeakedDescriptors, "os.write(7, b'x')"),
    around(
        "write: leaked folder descriptor",
        LeakedDescriptors,
        "os.close(os.open('new', os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=8))",
    ),
    // Mounts and namespaces.
    plain(
        "mount: tmpfs",
        "call('mount', b'x', (OUT + '/mnt').encode(), b'tmpfs', 0, None); call('umount2', (OUT + '/mnt').encode(), 0); hit()",
    ),
    plain(
        "mount: bind",
        "os.mkdir('m'); call('mount', OUT.encode(), b'm', None, 4096, None); put('m/new'); call('umount2', b'm', 0)",
    ),
    plain("mount: fsopen", "sc('fsopen', b'tmpfs', 0); hit()"),
    plain("mount: open_tree", "sc('open_tree', -100, OUT.encode(), 1); hit()"),
    plain("mount: chroot", "call('chroot', OUT.encode()); hit()"),
    plain("namespace: unshare user", "call('unshare', 0x10000000); hit()"),
    plain("namespace: unshare user and mounts", "call('unshare', 0x10020000); hit()"),
    plain(
        "namespace: clone user",
        "p = sc('clone', 0x10000000 | 17, 0, 0, 0, 0)\n    if p == 0: os._exit(0)\n    os.waitpid(p, 0); hit()",
    ),
    plain(
        "namespace: clone3 user",
        "b = ctypes.create_string_buffer(struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0)); p = sc('clone3', b, 64)\n    if p == 0: os._exit(0)\n    os.waitpid(p, 0); hit()",
    ),
    plain("namespace: setns", "call('setns', os.open('/proc/%d/ns/net' % HOSTPID, os.O_RDONLY), 0); hit()"),
    plain("namespace: unshare net", "call('unshare', 0x40000000); hit()"),
    // Git: code at the person's next call.
    around("git: settings", GitStatusIn("."), "put('.git/config', evil_config(), 'a')"),
    around(
        "git: settings through a rename",
        GitStatusIn("."),
        "os.rename('.git', 'x'); import shutil; shutil.copytree('x', '.git'); put('.git/config', evil_config(), 'a')",
    ),
    around(
        "git: commondir",
        GitStatusIn("."),
        "import shutil; shutil.copytree('.git', 'other'); put('other/config', evil_config(), 'a'); put('.git/commondir', PROJ + '/other\\n')",
    ),
    around(
        "git: config.worktree",
        GitStatusIn("."),
        "put('.git/config', '[extensions]\\n\\tworktreeConfig = true\\n', 'a'); put('.git/config.worktree', evil_config())",
    ),
    around(
        "git: hook",
        GitStatusIn("."),
        "put('.git/hooks/post-index-change', '#!/bin/sh\\ntouch %s/pwned\\n' % OUT); os.chmod('.git/hooks/post-index-change', 0o755); hit()",
    ),
    around("git: index", GitStatusIn("."), "put('.git/index', 'x'); hit()"),
    around("git: ref", GitStatusIn("."), "put('.git/refs/heads/evil', '0' * 40); hit()"),
    around("git: delete", GitStatusIn("."), "os.unlink('.git/HEAD'); hit()"),
    around("git: new nested repository", GitStatusIn("sub"), "os.makedirs('sub'); evil_repository('sub')"),
    around(
        "git: new nested repository, moved into place",
        GitStatusIn("sub"),
        "os.makedirs('a'); evil_repository('a'); os.rename('a', 'sub')",
    ),
    around(
        "git: new nested repository by file",
        GitStatusIn("sub"),
        "os.makedirs('sub'); evil_repository('elsewhere', True); put('sub/.git', 'gitdir: %s/elsewhere\\n' % PROJ)",
    ),
    around("git: new bare repository", GitStatusIn("bare"), "evil_repository('bare', True)"),
    around("git: known nested repository", GitStatusIn("vendored"), "put('vendored/.git/config', evil_config(), 'a')"),
    around(
        "git: known nested repository, replaced",
        GitStatusIn("vendored"),
        "os.rename('vendored', 'old'); os.mkdir('vendored'); evil_repository('vendored')",
    ),
    around("git: where none was", WithoutRepository, "evil_repository('.')"),
    around(
        "git: where none was, moved into place",
        WithoutRepository,
        "os.mkdir('a'); evil_repository('a'); os.rename('a/.git', '.git')",
    ),
    around(
        "git: pointer file",
        LinkedRepository,
        "evil_repository('elsewhere', True); put('.git', 'gitdir: %s/elsewhere\\n' % PROJ)",
    ),
    around(
        "git: pointer file, replaced",
        LinkedRepository,
        "evil_repository('elsewhere', True); put('g', 'gitdir: %s/elsewhere\\n' % PROJ); os.rename('g', '.git')",
    ),
    plain("kiln: own folder", "put('.kiln/settings', 'x'); hit()"),
    plain("kiln: own folder, replaced", "os.rename('.kiln', 'x'); os.mkdir('.kiln'); hit()"),
    // Metadata outside of the project.
    plain("metadata: chmod", "os.chmod(CANARY, 0o777)"),
    plain("metadata: chmod by handle", "os.fchmod(os.open(CANARY, os.O_RDONLY), 0o777)"),
    plain("metadata: utime", "os.utime(CANARY, (1, 1))"),
    plain("metadata: utime by handle", "os.utime(os.open(CANARY, os.O_RDONLY), (1, 1))"),
    plain("metadata: chown", "os.chown(CANARY, -1, os.getgid()); hit()"),
    plain("metadata: xattr", "os.setxattr(CANARY, 'user.x', b'x'); hit()"),
    plain(
        "metadata: inode flags",
        "fd = os.open(CANARY, os.O_RDONLY); fcntl.ioctl(fd, 0x40086602, struct.pack('l', 0x80040)); hit()",
    ),
    plain("metadata: folder mode", "os.chmod(OUT, 0o777)"),
    // Network.
    plain("network: tcp", "greeted(socket.create_connection(('127.0.0.1', V['tcp']), 3))"),
    plain("network: tcp6", "greeted(socket.create_connection(('::1', V['tcp6']), 3))"),
    plain(
        "network: udp",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', V['udp'])); greeted(s)",
    ),
    plain(
        "network: dns",
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', V['udp'])); s.send(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x06secret\\x07example\\x00' + struct.pack('>2H', 1, 1)); greeted(s)",
    ),
    plain("network: unix socket by path", "s = socket.socket(socket.AF_UNIX); s.connect(V['unix']); greeted(s)"),
    plain(
        "network: unix socket by a link",
        "os.symlink(V['unix'], 's'); s = socket.socket(socket.AF_UNIX); s.connect('s'); greeted(s)",
    ),
    plain(
        "network: unix datagram",
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.sendto(b'x', V['datagram']); hit()",
    ),
    plain(
        "network: abstract unix socket",
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0' + V['abstract']); greeted(s)",
    ),
    // With a host granted: what else there is stays out of reach, by the proxy too.
    around("granted host: tcp", GRANTED, "greeted(socket.create_connection(('127.0.0.1', V['tcp']), 3))"),
    around("granted host: tcp6", GRANTED, "greeted(socket.create_connection(('::1', V['tcp6']), 3))"),
    around(
        "granted host: dns",
        GRANTED,
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', V['udp'])); s.send(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x06secret\\x07example\\x00' + struct.pack('>2H', 1, 1)); greeted(s)",
    ),
    around("granted host: unix socket", GRANTED, "s = socket.socket(socket.AF_UNIX); s.connect(V['unix']); greeted(s)"),
    around(
        "granted host: abstract unix socket",
        GRANTED,
        "s = socket.socket(socket.AF_UNIX); s.connect('\\0' + V['abstract']); greeted(s)",
    ),
    around("granted host: another by the proxy", GRANTED, "greeted(by_proxy('127.0.0.1', V['tcp']))"),
    around("granted host: another by its name", GRANTED, "greeted(by_proxy('localhost', V['tcp']))"),
    around("granted host: another by a number", GRANTED, "greeted(by_proxy('2130706433', V['tcp']))"),
    around("granted host: another, mapped", GRANTED, "greeted(by_proxy('[::ffff:127.0.0.1]', V['tcp']))"),
    plain("network: netlink uevents", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15); hit()"),
    plain("network: netlink audit", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4); hit()"),
    plain("network: raw", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); hit()"),
    plain("network: packet", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); hit()"),
    plain("network: vsock", "socket.socket(40, socket.SOCK_STREAM); hit()"),
    plain("network: kernel crypto", "socket.socket(38, socket.SOCK_SEQPACKET); hit()"),
    // Processes.
    plain(
        "process: attach",
        "call('ptrace', 16, HOSTPID, None, None); os.waitpid(HOSTPID, 0x40000000); call('ptrace', 17, HOSTPID, None, None); hit()",
    ),
    plain("process: trace a child", "in_child(lambda: call('ptrace', 0, 0, None, None))"),
    plain("process: signal", "os.kill(HOSTPID, 0); hit()"),
    plain("process: priority", "os.getpriority(os.PRIO_PROCESS, HOSTPID); hit()"),
    plain("process: limits", "resource.prlimit(HOSTPID, resource.RLIMIT_NOFILE); hit()"),
    plain("process: affinity", "os.sched_getaffinity(HOSTPID); hit()"),
    plain("process: variables", "secret('/proc/%d/environ' % HOSTPID)"),
    plain("process: memory file", "open('/proc/%d/mem' % HOSTPID, 'rb'); hit()"),
    plain(
        "process: memory call",
        "b = ctypes.create_string_buffer(8); v = ctypes.create_string_buffer(struct.pack('2Q', ctypes.addressof(b), 8)); call('process_vm_readv', os.getpid(), v, 1, v, 1, 0); hit()",
    ),
    plain("process: handle", "sc('pidfd_open', HOSTPID, 0); hit()"),
    plain("process: descriptor of another", "sc('pidfd_getfd', sc('pidfd_open', os.getpid(), 0), 1, 0); hit()"),
    plain("process: compare", "sc('kcmp', os.getpid(), os.getpid(), 0, 0, 0); hit()"),
    plain("process: name of another", "open('/proc/%d/cmdline' % HOSTPID).read(); hit()"),
    around(
        "process: daemon",
        NobodyLeft,
        "if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            n = os.open('/dev/null', os.O_RDWR)\n            for i in range(3): os.dup2(n, i)\n            os.execv('/bin/sleep', ['DAEMON', '600'])\n        os._exit(0)\n    os.wait()",
    ),
    around(
        "process: daemon that ignores signals",
        NobodyLeft,
        "for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n    if os.fork() == 0:\n        os.setsid()\n        n = os.open('/dev/null', os.O_RDWR)\n        for i in range(3): os.dup2(n, i)\n        os.execv('/bin/sleep', ['DAEMON', '600'])",
    ),
    around(
        "process: fork bomb",
        Limited(&["--processes", "350"]),
        "n = []\n    try:\n        for _ in range(500):\n            p = os.fork()\n            if p == 0: signal.pause()\n            n.append(p)\n        hit()\n    finally:\n        for p in n: os.kill(p, 9)",
    ),
    around("memory: too much", Limited(&["--memory", "128"]), "b = bytearray(400 << 20); hit()"),
    around(
        "memory: temporary files",
        Limited(&["--memory", "128"]),
        "import tempfile; f = tempfile.TemporaryFile(dir='/tmp'); [f.write(bytes(1 << 20)) for _ in range(48)]; f.flush(); hit()",
    ),
    // Kernel surface.
    plain("kernel: io_uring", "b = ctypes.create_string_buffer(120); sc('io_uring_setup', 4, b); hit()"),
    plain("kernel: keyring", "sc('keyctl', 0, -3, 1); hit()"),
    plain("kernel: add_key", "sc('add_key', b'user', b'kiln-probe', b'x', 1, -1); hit()"),
    plain(
        "kernel: bpf",
        "b = ctypes.create_string_buffer(struct.pack('4I', 2, 4, 8, 1) + bytes(100)); sc('bpf', 0, b, 72); hit()",
    ),
    plain(
        "kernel: perf",
        "b = ctypes.create_string_buffer(struct.pack('2IQ', 1, 128, 0) + bytes(24) + struct.pack('Q', 0x61) + bytes(80)); sc('perf', b, 0, -1, -1, 0); hit()",
    ),
    plain("kernel: userfaultfd", "sc('userfaultfd', 1); hit()"),
    plain("kernel: fanotify", "sc('fanotify', 0x200, 0); hit()"),
    plain(
        "kernel: open by handle",
        "b = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128)); m = ctypes.c_int(); call('name_to_handle_at', -100, CANARY.encode(), b, ctypes.byref(m), 0); call('open_by_handle_at', os.open(OUT, os.O_RDONLY), b, os.O_RDONLY); hit()",
    ),
    plain(
        "kernel: type into a terminal",
        "import termios\n    def typing():\n        m, s = os.openpty(); os.setsid(); fcntl.ioctl(s, termios.TIOCSCTTY, 0); fcntl.ioctl(s, 0x5412, b'x')\n    in_child(typing)",
    ),
    plain(
        "kernel: type into a terminal, wide number",
        "import termios\n    def typing():\n        m, s = os.openpty(); os.setsid(); fcntl.ioctl(s, termios.TIOCSCTTY, 0)\n        call('ioctl', s, ctypes.c_ulong(0x100005412), b'x')\n    in_child(typing)",
    ),
    plain("kernel: somebody's terminal", "put(V['terminal'], '') ; hit()"),
    plain("kernel: log", "b = ctypes.create_string_buffer(64); call('klogctl', 3, b, 64); hit()"),
    plain("kernel: sysrq", "os.open('/proc/sysrq-trigger', os.O_WRONLY); hit()"),
    plain("kernel: core pattern", "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY); hit()"),
    plain("kernel: settings", "os.open('/proc/sys/vm/swappiness', os.O_WRONLY); hit()"),
    plain("kernel: sysfs", "os.open('/sys/kernel/mm/transparent_hugepage/enabled', os.O_WRONLY); hit()"),
    plain("kernel: device node", "os.mknod('dev', stat.S_IFBLK | 0o600, os.makedev(254, 0)); hit()"),
    plain("kernel: disk", "os.open('/dev/' + [d for d in os.listdir('/sys/class/block')][0], os.O_RDONLY); hit()"),
    plain("kernel: message log device", "os.open('/dev/kmsg', os.O_RDONLY); hit()"),
    plain("kernel: host name", "call('sethostname', socket.gethostname().encode(), len(socket.gethostname())); hit()"),
    plain("kernel: own identity", "os.setgroups([0, 1]); hit()"),
    // Secrets.
    plain("secret: ssh key", "secret(HOME + '/.ssh/id_ed25519')"),
    plain("secret: ssh key by a link", "os.symlink(HOME + '/.ssh', 'keys'); secret('keys/id_ed25519')"),
    plain("secret: ssh key by a hard link", "os.link(HOME + '/.ssh/id_ed25519', 'key'); secret('key')"),
    plain("secret: ssh key by /proc", "secret('/proc/self/root%s/.ssh/id_ed25519' % HOME)"),
    plain("secret: ssh key by another program", "secret('/proc/%d/root%s/.ssh/id_ed25519' % (HOSTPID, HOME))"),
    plain("secret: aws", "secret(HOME + '/.aws/credentials')"),
    plain("secret: netrc", "secret(HOME + '/.netrc')"),
    plain("secret: github", "secret(HOME + '/.config/gh/hosts.yml')"),
    plain("secret: git passwords", "secret(HOME + '/.git-credentials')"),
    plain("secret: browser", "secret(HOME + '/.mozilla/firefox/cookies.sqlite')"),
    plain("secret: shell history", "secret(HOME + '/.bash_history')"),
    plain("secret: kiln's keys", "secret(V['kiln'] + '/data/keys.sealed')"),
    plain("secret: kiln's settings", "secret(V['kiln'] + '/config/config.toml')"),
    plain("secret: key in the variables", "if 'SECRET' in os.environ.get('OPENAI_API_KEY', ''): hit()"),
    plain("secret: agent in the variables", "if 'SSH_AUTH_SOCK' in os.environ: hit()"),
    plain(
        "secret: key in the starter's variables",
        "for p in (os.getppid(), 1):\n        try: secret('/proc/%d/environ' % p)\n        except OSError: pass",
    ),
    plain("secret: file in /tmp", "secret(V['tmp'])"),
    plain("secret: file in /dev/shm", "secret(V['shm'])"),
    plain("secret: password hashes", "if 'root' in open('/etc/shadow').read(): hit()"),
    plain("secret: folder of another program", "secret('/proc/%d/cwd/held' % HOSTPID)"),
];
