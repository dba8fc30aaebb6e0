//! The VM port: machine specification, driver, lifecycle, connector
