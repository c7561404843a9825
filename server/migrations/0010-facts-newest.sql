-- What carrying out looks for: the newest fact of each source on a subject, and requests that wait for one.
create index fact_latest on fact (subject, source, at desc, created_at);
drop index fact_subject;
create index request_refused on request (answer_code, created_at) where state in ('open', 'approved');
