//! What the front panel shows. It reads a snapshot and asks nothing of anyone.
