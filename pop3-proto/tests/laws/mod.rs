//! The ten laws, over every cut.

mod broken;
mod law_1;
mod law_10;
mod law_2;
mod law_3;
mod law_4;
mod law_4_server;
mod law_4_sink;
mod law_5;
mod law_6;
mod law_7;
mod law_7_client;
mod law_9;
mod reach;
mod search;
mod sessions;
mod timers;
