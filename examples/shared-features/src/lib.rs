//! Nothing: the features in the manifest are what counts.
