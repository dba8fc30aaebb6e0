//! End-to-end cases, fixtures and benches
