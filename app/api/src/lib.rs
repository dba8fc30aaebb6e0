//! The host surface: requests, answers, error codes and the local client
