//! Faults that the simulator must find, compiled into the real code on request only.
//!
//! Without the feature `planted-faults` nothing of this exists: [`planted!`] is `false` before
//! the compiler sees it. With it, a test chooses one fault for its own thread, or a whole process
//! is started with one.

/// Expands to whether this fault is planted now; to `false` in what ships.
macro_rules! planted {
    ($fault:ident) => {{
        #[cfg(feature = "planted-faults")]
        let planted = $crate::base::plant::is_planted($crate::base::plant::Plant::$fault);
        #[cfg(not(feature = "planted-faults"))]
        let planted = false;
        planted
    }};
}
pub(crate) use planted;

#[cfg(feature = "planted-faults")]
pub use chosen::{Plant, is_planted, plant_in_process, plant_in_thread};

#[cfg(feature = "planted-faults")]
mod chosen {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// The faults. ARCHITECTURE lists them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(u8)]
    pub enum Plant {
        /// The receipt is made before the sync.
        AcknowledgeBeforeSync = 1,
        /// What was owed before the start is not looked at.
        ForgetOwedAtBoot = 2,
        /// A delivery is done when it is sent, not when it is answered.
        DoneBeforeAnswer = 3,
        /// A duplicate counts as new: it is kept and delivered beside the first.
        DuplicateAsNew = 4,
        /// The slices of a study leave in another order than they came.
        LoseOrder = 5,
    }

    impl Plant {
        /// Every fault with the name that it is chosen by.
        pub const ALL: [(Self, &'static str); 5] = [
            (Self::AcknowledgeBeforeSync, "acknowledge-before-sync"),
            (Self::ForgetOwedAtBoot, "forget-owed-at-boot"),
            (Self::DoneBeforeAnswer, "done-before-answer"),
            (Self::DuplicateAsNew, "duplicate-as-new"),
            (Self::LoseOrder, "lose-order"),
        ];
    }

    thread_local!(static THREAD: Cell<Option<Plant>> = const { Cell::new(None) });
    static PROCESS: AtomicU8 = AtomicU8::new(0);

    /// Plants a fault, or none, in this thread.
    pub fn plant_in_thread(fault: Option<Plant>) {
        THREAD.with(|cell| cell.set(fault));
    }

    /// Plants a fault in the whole process.
    pub fn plant_in_process(fault: Plant) {
        PROCESS.store(fault as u8, Ordering::Relaxed);
    }

    /// Returns whether `fault` is planted here.
    pub fn is_planted(fault: Plant) -> bool {
        THREAD.with(Cell::get) == Some(fault) || PROCESS.load(Ordering::Relaxed) == fault as u8
    }
}
