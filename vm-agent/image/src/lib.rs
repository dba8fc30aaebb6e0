//! Image references, registry client, content store, layers and snapshots
