//! Cases and properties of tasks.
