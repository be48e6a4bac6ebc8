-- Rows of schema version 3: at least one in each table, with every column filled somewhere. Never edited once released.
INSERT INTO tenants VALUES ('t1', 'alice', 1, 1700000000000, NULL, NULL);
INSERT INTO tenants VALUES ('t3', 'carol', 3, 1700000000000, 1700000000005, 1700000000009);
UPDATE counters SET value = 3 WHERE name = 'tenant_number';
INSERT INTO sources VALUES ('alice/main', 'https://git.example.com/alice.git', 'main', '.', '8d1c0aa', '3f2a9c1',
  '[{"message":"fetching failed","reason":"Unreachable","since":1700000000001,"status":"True","type":"Stalled"}]',
  1700000000002);
INSERT INTO resources VALUES ('u1', 'alice', 'Site', 'blog', 'alice/main', 'site', 'Owned',
  '{"files":{"path":"public"},"retain":5}', '8d1c0aa', '3f2a9c1', 'Running', 'release:42', 'served',
  '[{"message":"","reason":"Running","since":1700000000003,"status":"True","type":"Ready"}]',
  1700000000000, 1700000000004, NULL);
INSERT INTO resources VALUES ('u2', 'alice', 'Instance', 'api', 'alice/main', 'local', 'Retained', NULL, '', '',
  'Destroyed', '', '', '[]', 1700000000000, NULL, 1700000000008);
INSERT INTO intents VALUES ('i1', 'u1', 'alice', 'Site', 'blog', 'update', 'site', 'abc', '8d1c0aa', 'Open', '',
  1700000000005);
INSERT INTO intents VALUES ('i0', 'u1', 'alice', 'Site', 'blog', 'create', 'site', 'abb', '3f2a9c1', 'Failed',
  'no such tree', 1700000000004);
INSERT INTO directives VALUES ('alice', 'Instance', 'api', 'stop', 'alice', 'maintenance', 1700000000006,
  1700000000007);
INSERT INTO events VALUES (7, 1700000000005, 'alice', 'alice/Site/blog', 'Warning', 'DriftRepaired', 'it was gone',
  '8d1c0aa');
UPDATE counters SET value = 7 WHERE name = 'event';
INSERT INTO usage_facts VALUES ('f1', 't1', 'u1', 0, 'active', 1700000000000, 1700000000004, 1700000000004, 4,
  '{"plan":"hobby"}');
INSERT INTO usage_facts VALUES ('f2', 't1', 'u2', 1, 'active', 1700000000005, NULL, 1700000000006, 0, NULL);
INSERT INTO tokens VALUES ('k1', 'ci', '9f86d081', 'alice', 1700000000000, 1700000000009);
INSERT INTO acknowledgements VALUES ('alice', '7c1e', 'root', 1700000000006);
INSERT INTO notifications VALUES (5, 'n5', 1700000000005, 'alice', 'croft.resource.ready', 'alice/Site/blog',
  '{"kind":"Site","name":"blog"}');
INSERT INTO notifications VALUES (6, 'n6', 1700000000006, '', 'croft.webhook.test', 'Webhook/ops', NULL);
INSERT INTO webhooks VALUES ('alice', 'ops', 'w1', 'alice/main', 5, 2, 1700000000007, 1700000000006, 1700000000008, 'Gone',
  'it answered 410', 1700000000001);
INSERT INTO webhooks VALUES ('', 'ops', 'w2', 'platform', -1, 1, NULL, NULL, NULL, '', '', 1700000000001);
INSERT INTO deliveries VALUES ('d1', 'alice', 'ops', 5, 'n5', 1700000000005, 'alice', 'croft.resource.ready',
  'alice/Site/blog', '{"kind":"Site","name":"blog"}', 'Pending', 2, 1700000000009, 503, 'it answered 503', 1700000000006,
  NULL);
INSERT INTO deliveries VALUES ('d2', '', 'ops', 6, 'n6', 1700000000006, '', 'croft.webhook.test', 'Webhook/ops', NULL,
  'Delivered', 1, NULL, 204, '', 1700000000006, 1700000000007);
