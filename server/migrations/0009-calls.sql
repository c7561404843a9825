-- Requests of one kind more: calls of contracts.
alter table request drop constraint request_kind_check;
alter table request add constraint request_kind_check check (
  kind in ('pay', 'cancel', 'wallet', 'entry', 'retire', 'freeze', 'unfreeze', 'call')
);
