//! This package has no code. Its manifest chooses the features of dependencies.
