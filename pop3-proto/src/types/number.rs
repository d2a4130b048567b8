use super::InvalidValue;
use core::{fmt, num::NonZeroU32};

/// The number of a message in this session: 1 or more (RFC 1939 section 4).
///
/// ```
/// use pop3_proto::{InvalidValue, MessageNumber};
///
/// assert_eq!(MessageNumber::new(7).unwrap().get(), 7);
/// assert_eq!(MessageNumber::new(0), Err(InvalidValue::Zero));
/// ```
///
/// A plain number is not a message number, because it may be 0. Convert it:
///
/// ```compile_fail,E0308
/// let command = pop3_proto::Command::Retr(3);
/// ```
///
/// ```
/// let command = pop3_proto::Command::Retr(3.try_into()?);
/// # Ok::<(), pop3_proto::InvalidValue>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The first message of a maildrop.
    pub const FIRST: MessageNumber = MessageNumber(NonZeroU32::MIN);

    /// Checks a message number.
    ///
    /// # Errors
    /// Returns [`InvalidValue::Zero`] if `number` is 0.
    pub const fn new(number: u32) -> Result<Self, InvalidValue> {
        match NonZeroU32::new(number) {
            Some(number) => Ok(MessageNumber(number)),
            None => Err(InvalidValue::Zero),
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns the index in a list of all messages: the number minus one.
    ///
    /// ```
    /// use pop3_proto::MessageNumber;
    ///
    /// let subjects = ["one", "two"];
    /// assert_eq!(subjects[MessageNumber::FIRST.index()], "one");
    /// assert_eq!(MessageNumber::from_index(1), MessageNumber::new(2).ok());
    /// ```
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get().saturating_sub(1) as usize
    }

    /// Returns the number of the message at this index in a list of all messages, or `None` if the index is beyond
    /// the largest number.
    #[must_use]
    pub const fn from_index(index: usize) -> Option<Self> {
        if index >= u32::MAX as usize {
            return None;
        }
        Some(MessageNumber(NonZeroU32::MIN.saturating_add(index as u32)))
    }

    /// Returns the numbers of a maildrop of `count` messages, in order. STAT gives the count.
    ///
    /// ```
    /// use pop3_proto::{Command, MessageNumber};
    ///
    /// let fetch_all: Vec<_> = MessageNumber::up_to(3).map(Command::Retr).collect();
    /// assert_eq!(fetch_all.len(), 3);
    /// assert_eq!(MessageNumber::up_to(3).next_back().map(MessageNumber::get), Some(3)); // the newest
    /// assert!(MessageNumber::up_to(0).next().is_none());
    /// ```
    pub fn up_to(count: u32) -> impl DoubleEndedIterator<Item = MessageNumber> + Clone {
        (1..=count).filter_map(NonZeroU32::new).map(MessageNumber)
    }
}

impl TryFrom<u32> for MessageNumber {
    type Error = InvalidValue;

    fn try_from(number: u32) -> Result<Self, InvalidValue> {
        Self::new(number)
    }
}

/// ```
/// use pop3_proto::MessageNumber;
///
/// assert_eq!(u32::from(MessageNumber::FIRST), 1);
/// ```
impl From<MessageNumber> for u32 {
    fn from(number: MessageNumber) -> Self {
        number.get()
    }
}

impl fmt::Debug for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageNumber({})", self.0)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
