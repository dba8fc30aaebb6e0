//! Facts of the tree that hold whatever the code does.

mod adapters;
mod layers;
mod tree;
