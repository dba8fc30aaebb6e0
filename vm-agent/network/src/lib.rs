//! Bridges, veth pairs, nftables and address management
