//! Whole dialogues, played at every segmentation.
