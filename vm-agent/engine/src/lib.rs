//! The use-cases of the container engine
