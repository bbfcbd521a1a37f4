//! Looking again and again before a wait sleeps.

use super::SharedQueue;
use super::protocol::wait::For;
use crate::error::Result;
use crate::futex::primitive::spin_loop;

impl SharedQueue {
    /// Looks up to `looks` times whether there is a message; returns `true` if there is. No system call. For right
    /// before a receive call of any form, so that it need not sleep; [`set_tuning`](Self::set_tuning) has every call do
    /// so by itself.
    ///
    /// On a machine of one processor the sender could not run meanwhile: it looks once there. Another
    /// receiver may be faster, so the receive call may have to wait all the same.
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the handle is not for receiving.
    #[doc(alias = "busy_poll")]
    pub fn spin_until_message(&self, looks: u32) -> Result<bool> {
        self.check_receiving(usize::MAX)?;
        Ok(self.spin_until(For::Message, looks))
    }

    /// Looks so often whether there is room for a message, until there is: whether there is. No system call. See
    /// [`spin_until_message`](Self::spin_until_message).
    ///
    /// # Errors
    /// [`BadDescriptor`](crate::ErrorKind::BadDescriptor) if the handle is not for sending.
    pub fn spin_until_room(&self, looks: u32) -> Result<bool> {
        self.check_sending(0)?;
        Ok(self.spin_until(For::Room, looks))
    }

    fn spin_until(&self, what: For, looks: u32) -> bool {
        let looks = looks.min(self.spin.pauses(looks).max(1));
        (0..looks).any(|_| {
            let found = self.member.seems_there(what);
            if !found {
                spin_loop();
            }
            found
        })
    }
}
