//! Looking again and again before a wait sleeps.

use super::SharedQueue;
use super::wait::For;
use crate::error::Result;
use crate::futex::primitive::spin_loop;

impl SharedQueue {
    /// Looks so often whether there is a message, until there is one: whether there is. No system call. For right
    /// before a receive call of any form, so that it need not sleep; [`set_tuning`](Self::set_tuning) has every call do
    /// so by itself.
    ///
    /// Where the thread may run on one processor only, the sender could not run either: it looks once there. Another
    /// receiver may be faster, so the receive call may have to wait all the same.
    ///
    /// # Errors
    /// None: as that of [`MessageQueue`](crate::MessageQueue::spin_until_message), so that a program can change its
    /// type.
    #[doc(alias = "busy_poll")]
    pub fn spin_until_message(&self, looks: u32) -> Result<bool> {
        Ok(self.spin(For::Message, looks))
    }

    /// Looks so often whether there is room for a message, until there is: whether there is. No system call. See
    /// [`spin_until_message`](Self::spin_until_message).
    ///
    /// # Errors
    /// None, as there.
    pub fn spin_until_room(&self, looks: u32) -> Result<bool> {
        Ok(self.spin(For::Room, looks))
    }

    fn spin(&self, what: For, looks: u32) -> bool {
        let looks = looks.min(self.courtesy.spin(looks).max(1));
        (0..looks).any(|_| {
            let found = self.member.seems_there(what);
            if !found {
                spin_loop();
            }
            found
        })
    }
}
