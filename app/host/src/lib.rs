//! berthd, the background process that owns the machine
