//! Server-sent events, as much of them as models' APIs use.

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// Its data; lines are joined by line ends.
    pub(super) data: String,
}

/// Splits bytes into events, wherever they are cut.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    rest: Vec<u8>,
    name: Option<String>,
    data: Option<String>,
}

impl Splitter {
    /// Takes what came, gives the events that are whole.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut from = 0;
        while let Some(len) = self.rest.get(from..).and_then(|rest| end_of_line(rest)) {
            let line = self.rest.get(from..from + len).unwrap_or_default();
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            let line = line.into_owned();
            from += len + 1;
            events.extend(self.line(&line));
        }
        self.rest.drain(..from);
        events
    }

    /// How much is kept that is no whole event yet.
    pub(super) fn pending(&self) -> usize {
        self.rest.len() + self.data.as_ref().map_or(0, String::len)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = self.name.take();
            return self.data.take().map(|data| Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut self.data) {
            ("event", _) => self.name = Some(value.to_owned()),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", empty) => *empty = Some(value.to_owned()),
            // Comments (pings of some vendors), ids and times to wait say nothing to us.
            _ => {}
        }
        None
    }
}

fn end_of_line(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let stream = b": ping\n\nevent: a\ndata: {\"x\":\ndata: 1}\r\n\r\ndata:[DONE]\n\n";
        let mut expected = vec![];
        expected.push(Event { name: Some("a".into()), data: "{\"x\":\n1}".into() });
        expected.push(Event { name: None, data: "[DONE]".into() });
        for cut in 0..stream.len() {
            let mut splitter = Splitter::default();
            let mut events = splitter.push(&stream[..cut]);
            events.extend(splitter.push(&stream[cut..]));
            assert_eq!(events, expected, "cut at {cut}");
            assert_eq!(splitter.pending(), 0);
        }
    }
}
