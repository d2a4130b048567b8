//! Replaces [`exchange`](super) without the feature `sasl`, which means without AUTH.

use super::{Credentials, Login, LoginError, Way, WhyNot};
use crate::client::{AsConfig, SaslStep, Sender};
use crate::types::Base64;

pub(super) const fn unfit(_: Way, _: &Credentials<'_>) -> Option<WhyNot> {
    Some(WhyNot::NotBuilt)
}

impl Login<'_> {
    pub(super) fn authenticate<C: AsConfig>(
        &mut self,
        _: Way,
        _: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        Ok(false)
    }

    pub(super) fn say_first<C: AsConfig>(
        &mut self,
        _: Way,
        step: SaslStep,
        sender: &mut Sender<'_, C>,
    ) -> Result<(), LoginError> {
        Ok(sender.cancel(step)?)
    }

    pub(super) fn say_next<C: AsConfig>(
        &mut self,
        _: Way,
        step: SaslStep,
        _: Base64<'_>,
        sender: &mut Sender<'_, C>,
    ) -> Result<bool, LoginError> {
        sender.cancel(step)?;
        Ok(true)
    }
}
