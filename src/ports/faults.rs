//! A wrapper that makes any adapter fail on a seed.
