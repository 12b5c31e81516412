//! Recordings made in a line or two, each event with its own pause, so that a test decides when the
//! model says what. The files are what `--replay` reads; nothing here knows the program.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A recording being written.
pub struct Recording {
    model: Value,
    takes: Vec<Value>,
    events: Vec<Value>,
    calls: usize,
    pace: u64,
}

#[allow(dead_code, reason = "each test binary uses its own part")]
impl Recording {
    /// Without pauses.
    pub fn new() -> Self {
        let model = json!({
            "reference": {"provider": "recorded", "model": "test"}, "title": "a recording", "window": 200_000,
            "max_output": 32_000, "prices": null, "protocol": "tools", "note": null,
        });
        Self { model, takes: Vec::new(), events: Vec::new(), calls: 0, pace: 0 }
    }

    /// What the model calls itself.
    pub fn titled(mut self, title: &str, note: &str) -> Self {
        self.model["title"] = json!(title);
        self.model["note"] = json!(note);
        self
    }

    /// Milliseconds before each of the following events.
    pub fn paced(mut self, milliseconds: u64) -> Self {
        self.pace = milliseconds;
        self
    }

    fn event(mut self, mut event: Value) -> Self {
        event["after_ms"] = json!(self.pace);
        self.events.push(event);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.event(json!({"stream": "text", "text": text}))
    }

    pub fn reasoning(self, text: &str) -> Self {
        self.event(json!({"stream": "reasoning", "text": text}))
    }

    /// Nothing happens for so long, then an empty piece of text.
    pub fn silence(mut self, milliseconds: u64) -> Self {
        self.events.push(json!({"stream": "text", "text": "", "after_ms": milliseconds}));
        self
    }

    /// How the model's turns are held: `tools` or `fenced`.
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.model["protocol"] = json!(protocol);
        self
    }

    /// A tool call as it may come over the wire: any number, any id, any text as its arguments.
    pub fn raw_call(self, index: usize, id: &str, tool: &str, arguments: &str) -> Self {
        self.event(json!({"stream": "tool_started", "index": index, "id": id, "name": tool}))
            .event(json!({"stream": "tool_arguments", "index": index, "json": arguments}))
            .event(json!({"stream": "tool_ended", "index": index}))
    }

    /// A tool call whose arguments come in pieces of so many characters.
    pub fn call(mut self, tool: &str, arguments: &Value, piece: usize) -> Self {
        let index = self.calls;
        self.calls += 1;
        let id = format!("call_{}_{index}", self.takes.len());
        let mut this = self.event(json!({"stream": "tool_started", "index": index, "id": id, "name": tool}));
        let characters: Vec<char> = arguments.to_string().chars().collect();
        for piece in characters.chunks(piece) {
            let text: String = piece.iter().collect();
            this = this.event(json!({"stream": "tool_arguments", "index": index, "json": text}));
        }
        this.event(json!({"stream": "tool_ended", "index": index}))
    }

    pub fn plan(self, steps: &[&str]) -> Self {
        self.call("set_plan", &json!({ "steps": steps }), 1000)
    }

    pub fn file(self, path: &str, content: &str, piece: usize) -> Self {
        self.call("write_file", &json!({"path": path, "content": content}), piece)
    }

    pub fn step(self, step: u64) -> Self {
        self.call("finish_step", &json!({ "step": step }), 1000)
    }

    fn stop(mut self, reason: &str) -> Self {
        let usage = json!({
            "input_uncached": 100, "cache_read": 0, "cache_write_short": 0, "cache_write_long": 0,
            "output_visible": 10, "output_reasoning": 0,
        });
        self.events.push(json!({"stream": "usage", "usage": usage, "after_ms": 0}));
        self.events.push(json!({"stream": "stopped", "reason": reason, "after_ms": 0}));
        self.takes.push(json!({"events": std::mem::take(&mut self.events)}));
        self.calls = 0;
        self
    }

    /// The answer ends and wants its tools run; the next request gets the next answer.
    pub fn then(self) -> Self {
        self.stop("tool_use")
    }

    /// The answer is the last word of a turn.
    pub fn end(self) -> Self {
        self.stop("finished")
    }

    /// The answer breaks off with an error.
    pub fn fail(mut self, class: &str, message: &str) -> Self {
        let error = json!({"class": class, "message": message, "after_ms": self.pace});
        self.takes.push(json!({"events": std::mem::take(&mut self.events), "error": error}));
        self.calls = 0;
        self
    }

    /// Writes the file, and says where it is.
    pub fn write(&self, folder: &Path) -> PathBuf {
        assert!(self.events.is_empty(), "the last answer has no end");
        let mut text = json!({"kiln_recording": 1, "model": self.model}).to_string();
        for take in &self.takes {
            text.push('\n');
            text.push_str(&take.to_string());
        }
        let path = folder.join("recording.jsonl");
        std::fs::write(&path, text + "\n").unwrap();
        path
    }
}
