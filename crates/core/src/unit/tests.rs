//! The life of units, played against a fake host.

mod closing;
mod configure;
mod depend;
mod laws;
mod people;
mod property;
mod recovery;
mod restart;
mod watch;
mod world;
