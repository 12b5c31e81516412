"""A server of tools for tests: speaks the protocol over pipes, and misbehaves on demand.

usage: server.py FOLDER [MODE]    MODE: good (default), hang, exit
A file `description` in FOLDER takes the place of the description of `echo`; `pid` is written there.
"""

import json
import os
import sys
import time

folder = sys.argv[1]
mode = sys.argv[2] if len(sys.argv) > 2 else "good"
cancelled = []

with open(os.path.join(folder, "pid"), "w") as file:
    file.write(str(os.getpid()))
with open(os.path.join(folder, "starts"), "a") as file:
    file.write("x")
if mode == "exit":
    print("something went wrong here", file=sys.stderr)
    sys.exit(3)
if mode == "hang":
    time.sleep(600)


def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def described():
    try:
        with open(os.path.join(folder, "description")) as file:
            return file.read()
    except FileNotFoundError:
        return "Says it again."


def tools():
    text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    empty = {"type": "object", "properties": {}}
    names = ["slow", "cancelled", "ask", "picture", "die", "much", "flood", "wrong", "variables", "bad"]
    listed = [{"name": "echo", "description": described(), "inputSchema": text}]
    return listed + [{"name": name, "description": name, "inputSchema": empty} for name in names]


def reply(number, *content, **more):
    send(id=number, result={"content": list(content), **more})


def words(text):
    return {"type": "text", "text": text}


def call(number, name, arguments):
    if name == "echo":
        reply(number, words("echo: " + arguments["text"]))
    elif name == "cancelled":
        reply(number, words(json.dumps(cancelled)))
    elif name == "ask":
        schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
        send(id="q1", method="elicitation/create", params={"message": "Go on?", "requestedSchema": schema})
        while True:
            answer = json.loads(sys.stdin.readline())
            if answer.get("id") == "q1":
                break
        reply(number, words(json.dumps(answer["result"])))
    elif name == "picture":
        reply(number, {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"})
    elif name == "die":
        os._exit(9)
    elif name == "much":
        reply(number, words("x" * 3_000_000))
    elif name == "flood":
        reply(number, words("x" * 20_000_000))
    elif name == "wrong":
        send(id=424242, result={"content": [words("not yours")]})
        send(id="nobody", error={"code": -1, "message": "not yours"})
        sys.stdout.write("this is no JSON\n")
        reply(number, words("yours"))
    elif name == "variables":
        reply(number, words("\n".join(sorted(os.environ))))
    elif name == "bad":
        reply(number, words("it did not work"), isError=True)


for line in sys.stdin:
    message = json.loads(line)
    method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
    if method == "initialize":
        about = {"name": "test", "version": "1"}
        able = {"tools": {}, "resources": {}}
        version = params["protocolVersion"]
        send(id=number, result={"protocolVersion": version, "capabilities": able, "serverInfo": about})
    elif method == "tools/list":
        send(id=number, result={"tools": tools()})
    elif method == "resources/list":
        send(id=number, result={"resources": [{"uri": "test://one", "name": "one"}]})
    elif method == "resources/read":
        send(id=number, result={"contents": [{"uri": params["uri"], "mimeType": "text/plain", "text": "read"}]})
    elif method == "tools/call":
        call(number, params["name"], params.get("arguments") or {})
    elif method == "notifications/cancelled":
        cancelled.append(params.get("requestId"))
    elif number is not None and method:
        send(id=number, error={"code": -32601, "message": "no such method"})
