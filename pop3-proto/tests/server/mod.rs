//! The server machine, requirement by requirement.
