//! The Docker Engine API front of the engine
