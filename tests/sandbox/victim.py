# A program of the person's outside the sandbox: servers, a terminal, an open file, a secret in its variables.
import json, os, socket, sys, threading
base, home = sys.argv[1], sys.argv[2]
os.chdir(base)
held = open(base + "/held", "w+"); held.write("SECRET"); held.flush()
def serve(family, address):
    s = socket.socket(family, socket.SOCK_STREAM); s.bind(address); s.listen(64)
    def loop():
        while True:
            c, _ = s.accept(); c.sendall(b"hello-from-host"); c.close()
    threading.Thread(target=loop, daemon=True).start()
    return s.getsockname()
tcp = serve(socket.AF_INET, ("127.0.0.1", 0))[1]
try: tcp6 = serve(socket.AF_INET6, ("::1", 0))[1]
except OSError: tcp6 = 0
unix = base + "/socket"; serve(socket.AF_UNIX, unix)
abstract = "kiln-victim-%d" % os.getpid(); serve(socket.AF_UNIX, "\0" + abstract)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
def echo():
    while True:
        _, who = u.recvfrom(2048); u.sendto(b"hello-from-host", who)
threading.Thread(target=echo, daemon=True).start()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.bind(base + "/datagram")
try:
    master, slave = os.openpty(); terminal = os.ttyname(slave)
except OSError: terminal = ""
shm = "/dev/shm/kiln-victim-%d" % os.getpid(); open(shm, "w").write("SECRET")
tmp = "/tmp/kiln-victim-%d" % os.getpid(); open(tmp, "w").write("SECRET")
print(json.dumps(dict(pid=os.getpid(), home=home, base=base, held=held.fileno(), tcp=tcp, tcp6=tcp6, unix=unix, abstract=abstract,
      udp=u.getsockname()[1], datagram=base + "/datagram", terminal=terminal, shm=shm, tmp=tmp)), flush=True)
sys.stdin.read()
os.unlink(shm); os.unlink(tmp)
