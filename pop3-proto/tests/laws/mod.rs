//! The ten laws of the design, over every cut.
