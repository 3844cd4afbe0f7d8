//! Schedules, and decisions over a model of the world.

mod deciding;
mod schedules;
