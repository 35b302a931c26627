//! The panel's elements, by the lines of its markup.

/// Every part of the panel that is always there.
pub(super) const PANEL: &str = "section.panel|part=panel
 div.drop|part=drop-area
  button.choose|type=button|part=choose-button|@click=0
   svg
   span
  span.hint
  p.limits
 input|type=file|hidden
 div.list|part=list
  ul|role=list|@keydown=1
 div
 div.foot|part=footer
  div.whole|part=total-waterline
   div.level
  p.numbers
   span
  button|type=button|part=primary-button|@click=2
 div.told|role=status
 div.told|role=alert";

pub(super) const WHOLE_PANEL: u32 = 0;
pub(super) const CHOOSE: u32 = 2;
pub(super) const CHOOSE_ICON: u32 = 3;
pub(super) const CHOOSE_LABEL: u32 = 4;
pub(super) const HINT: u32 = 5;
pub(super) const LIMITS: u32 = 6;
pub(super) const INPUT: u32 = 7;
pub(super) const SCROLLER: u32 = 8;
pub(super) const LIST: u32 = 9;
pub(super) const NOTICE: u32 = 10;
pub(super) const FOOT: u32 = 11;
pub(super) const WHOLE: u32 = 12;
pub(super) const WHOLE_LEVEL: u32 = 13;
pub(super) const NUMBERS: u32 = 15;
pub(super) const PRIMARY: u32 = 16;
pub(super) const STATUS: u32 = 17;
pub(super) const ALERT: u32 = 18;
