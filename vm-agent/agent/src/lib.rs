//! PID 1 of the guest and the engine process it supervises
