//! The store's handle: opening, reading, writing, waking.

use crate::blob::Blobs;
use crate::error::Error;
use crate::figures::{Counts, Figures};
use crate::interface::{Read, Write};
use crate::journal::read_head;
use crate::reader::{Question, ReaderThread};
use crate::writer::{Clock, Command, Context, Ids, OnFull, Tx, Writer};
use crate::{database, erase, meta};
use orkestra_core::event::EventRef;
use orkestra_core::id::NodeId;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot, watch};

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// The folder that holds `state.db` and `blobs/`; made when missing.
    pub home: PathBuf,
    /// This machine; used only when the database is made. Without it an id is drawn.
    pub node: Option<NodeId>,
    /// Gives fresh ids (UUIDv7).
    pub ids: Ids,
    /// Tells the time.
    pub clock: Clock,
    /// Called on the writer's thread when the disk is full, for example to free a reserve file.
    /// The command is refused all the same; a later one may succeed.
    pub on_full: Option<OnFull>,
    /// How many reads run at the same time.
    pub readers: usize,
    /// How many commands and reads may wait before callers wait to hand theirs in.
    pub waiting_max: usize,
    /// Bodies with more bytes become files in `blobs/`.
    pub blob_bytes_min: usize,
    /// Bodies with more bytes are refused.
    pub body_bytes_max: usize,
}

impl Options {
    /// The usual limits.
    pub fn new(home: impl Into<PathBuf>, ids: Ids, clock: Clock) -> Self {
        Self {
            home: home.into(),
            node: None,
            ids,
            clock,
            on_full: None,
            readers: 4,
            waiting_max: 1024,
            blob_bytes_min: 16 << 10,
            body_bytes_max: 4 << 20,
        }
    }
}

/// Where a committed event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its place in the journal.
    pub seq: u64,
    /// Its identity and place in its causal chain.
    pub event: EventRef,
}

/// What a durable command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed<T> {
    /// What the command returned.
    pub value: T,
    /// Its events, in order.
    pub events: Vec<Place>,
}

/// The store. Cheap to clone; the threads end, and are waited for, with the last clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

struct Inner {
    path: PathBuf,
    node: NodeId,
    /// `None` only while closing.
    commands: Option<mpsc::Sender<Box<dyn Command>>>,
    questions: Option<mpsc::Sender<Question>>,
    head: watch::Receiver<u64>,
    counts: Arc<Counts>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database in the home, making or upgrading it, and starts the threads.
    pub fn open(options: Options) -> Result<Self, Error> {
        let path = options.home.join("state.db");
        let connection = database::prepare(&options.home, &path)?;
        let blobs = Blobs::new(&options.home);
        let node = meta::node(&connection, options.node, &options.ids)?;
        // An erasing that was committed just before a crash is finished now.
        erase::empty_trash(&connection, &blobs)?;
        let (head_sender, head) = watch::channel(read_head(&connection)?.seq);
        let (commands, command_queue) = mpsc::channel(options.waiting_max.max(1));
        let (questions, question_queue) = mpsc::channel(options.waiting_max.max(1));
        let context = Context {
            path: path.clone(),
            blobs: blobs.clone(),
            node,
            ids: options.ids,
            clock: options.clock,
            on_full: options.on_full,
            blob_bytes_min: options.blob_bytes_min,
            body_bytes_max: options.body_bytes_max,
        };
        let counts = Arc::new(Counts::default());
        let writer = Writer {
            counts: Arc::clone(&counts),
            context: Arc::new(context),
            connection: Some(connection),
            commands: command_queue,
            head: head_sender,
            scrub_due: false,
        };
        let mut threads = vec![spawn("store-writer", move || writer.run())?];
        let question_queue = Arc::new(Mutex::new(question_queue));
        for _ in 0..options.readers.max(1) {
            let reader = ReaderThread {
                path: path.clone(),
                blobs: blobs.clone(),
                questions: Arc::clone(&question_queue),
            };
            threads.push(spawn("store-reader", move || reader.run())?);
        }
        let inner = Inner {
            path,
            node,
            commands: Some(commands),
            questions: Some(questions),
            head,
            counts,
            threads: Mutex::new(threads),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a command and answers once it is durable. Its rows and events are committed together; an
    /// error rolls back all of it and nothing else.
    ///
    /// A dropped future does not take the command back: once handed in, it runs.
    pub async fn write<T, F>(&self, command: F) -> Result<Committed<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Write) -> Result<T, Error> + Send + 'static,
    {
        let (job, answer) = Job::boxed(command);
        self.commands()?.send(job).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// [`Store::write`] for threads outside the async runtime; panics inside it.
    pub fn write_blocking<T, F>(&self, command: F) -> Result<Committed<T>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Write) -> Result<T, Error> + Send + 'static,
    {
        let (job, answer) = Job::boxed(command);
        self.commands()?.blocking_send(job).map_err(|_| Error::Closed)?;
        answer.blocking_recv().map_err(|_| Error::Closed)?
    }

    /// Asks one question: everything it reads is of the same moment. It runs on a reader's thread.
    pub async fn read<T, F>(&self, question: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Read) -> Result<T, Error> + Send + 'static,
    {
        let (question, answer) = ask(question);
        self.questions()?.send(question).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Panicked("in a read".to_owned()))?
    }

    /// [`Store::read`] for threads outside the async runtime; panics inside it.
    pub fn read_blocking<T, F>(&self, question: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Read) -> Result<T, Error> + Send + 'static,
    {
        let (question, answer) = ask(question);
        self.questions()?.blocking_send(question).map_err(|_| Error::Closed)?;
        answer.blocking_recv().map_err(|_| Error::Panicked("in a read".to_owned()))?
    }

    /// Changes with every commit that has events: the newest seq. A reader that was asleep reads on
    /// from its own cursor, so nothing is lost when several commits wake it once.
    pub fn head_watch(&self) -> watch::Receiver<u64> {
        self.inner.head.clone()
    }

    /// What the writer has done, and what waits.
    pub fn figures(&self) -> Figures {
        fn waiting<T>(queue: Option<&mpsc::Sender<T>>) -> (usize, usize) {
            queue.map_or((0, 0), |queue| {
                (queue.max_capacity().saturating_sub(queue.capacity()), queue.max_capacity())
            })
        }
        let commands = waiting(self.inner.commands.as_ref());
        let questions = waiting(self.inner.questions.as_ref());
        self.inner.counts.figures(commands, questions)
    }

    /// The machine this database belongs to.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    fn commands(&self) -> Result<&mpsc::Sender<Box<dyn Command>>, Error> {
        self.inner.commands.as_ref().ok_or(Error::Closed)
    }

    fn questions(&self) -> Result<&mpsc::Sender<Question>, Error> {
        self.inner.questions.as_ref().ok_or(Error::Closed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commands = None;
        self.questions = None;
        let threads = self.threads.get_mut().map(std::mem::take).unwrap_or_default();
        for thread in threads {
            // A command that owns the last handle drops it on the writer's own thread.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| Error::file("starting a thread", &error))
}

/// A caller's command with the way back to the caller.
struct Job<T, F> {
    command: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<Committed<T>, Error>>,
}

type Answer<T> = oneshot::Receiver<Result<T, Error>>;

impl<T, F> Job<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Write) -> Result<T, Error> + Send + 'static,
{
    fn boxed(command: F) -> (Box<dyn Command>, Answer<Committed<T>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { command: Some(command), value: None, reply }), answer)
    }
}

impl<T, F> Command for Job<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Write) -> Result<T, Error> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let command = self.command.take().ok_or(Error::Closed)?;
        self.value = Some(command(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<Vec<Place>, Error>) {
        let Self { value, reply, .. } = *self;
        let result = outcome
            .and_then(|events| value.map(|value| Committed { value, events }).ok_or(Error::Closed));
        // The caller may have gone; what is committed stays committed.
        let _ = reply.send(result);
    }
}

fn ask<T, F>(question: F) -> (Question, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&dyn Read) -> Result<T, Error> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let boxed: Question = Box::new(move |reader| {
        let _ = reply.send(reader.and_then(|reader| question(reader)));
    });
    (boxed, answer)
}
