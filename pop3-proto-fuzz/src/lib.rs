//! Shared by the package's programs.
