//! The client machine, requirement by requirement.
