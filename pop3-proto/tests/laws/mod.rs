//! The ten laws of the design, over every cut.

mod law_1;
mod law_2;
mod law_3;
mod law_5;
mod sessions;
