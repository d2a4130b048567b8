//! Very many sessions in one process.
